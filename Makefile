.PHONY: run test check bench bench-compare bench-quick publish

# The registry on 127.0.0.1:5000, with its data in ./data.
run:
	dotnet run -c Release --project src/Berth -- serve

test:
	./test.sh

# A quick check for every commit: a build without warnings, formatting, and the rules of STYLE.md.
check:
	dotnet build Berth.slnx -c Release --nologo --verbosity quiet
	dotnet format whitespace Berth.slnx --no-restore --verify-no-changes
	tests/Berth.Tests/bin/Release/net10.0/Berth.Tests -noLogo -class Berth.Tests.TidyTests

# The hot paths by themselves, with their allocations: one section of docs/performance.md.
bench:
	dotnet run -c Release --project bench/Berth.Bench -- pieces

# Against every peer on this machine (nginx, docker-registry, zot); needs gcc and libssl-dev. The other section of
# docs/performance.md. Some 13 minutes.
bench-compare: publish
	dotnet run -c Release --project bench/Berth.Bench -- compare --program artifacts/publish/berth

# A short version of it, to check that it works, or to measure a change on one workload. Writes nothing.
# make bench-quick ONLY=pull,range PROGRAM=artifacts/publish/berth
bench-quick:
	dotnet run -c Release --project bench/Berth.Bench -- compare --quick \
		$(if $(ONLY),--only $(ONLY)) $(if $(PROGRAM),--program $(PROGRAM))

# One program for machines without .NET: artifacts/publish/berth. Does nothing if no source is newer.
publish:
	tests/publish.sh
