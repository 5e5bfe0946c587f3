.PHONY: run test check bench bench-compare bench-quick publish

# The registry on 127.0.0.1:5000, with its data in ./data.
run:
	dotnet run -c Release --project src/Berth -- serve

test:
	./test.sh

# What a commit must pass quickly: a build without warnings, formatted sources, and the rules of STYLE.md.
check:
	dotnet build Berth.slnx -c Release --nologo --verbosity quiet
	dotnet format whitespace Berth.slnx --no-restore --verify-no-changes
	tests/Berth.Tests/bin/Release/net10.0/Berth.Tests -noLogo -class Berth.Tests.TidyTests

# The hot pieces by themselves, with what they allocate: one section of docs/performance.md.
bench:
	dotnet run -c Release --project bench/Berth.Bench -- pieces

# Against every peer on this machine (nginx, docker-registry, zot); needs gcc and libssl-dev. The other section of
# docs/performance.md. Some 13 minutes.
bench-compare: publish
	dotnet run -c Release --project bench/Berth.Bench -- compare --program artifacts/publish/berth

# The same in small, to see that all of it works, or what a change does to one work. Writes nothing.
# make bench-quick ONLY=pull,range PROGRAM=artifacts/publish/berth
bench-quick:
	dotnet run -c Release --project bench/Berth.Bench -- compare --quick \
		$(if $(ONLY),--only $(ONLY)) $(if $(PROGRAM),--program $(PROGRAM))

# One program for machines without .NET: artifacts/publish/berth. Does nothing where no source is newer.
publish:
	tests/publish.sh
