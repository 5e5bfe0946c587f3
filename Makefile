.PHONY: run test check bench bench-compare publish

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

bench:
	dotnet run -c Release --project bench/Berth.Bench -- --filter '*'

# Against every peer on this machine (nginx, docker-registry, zot); needs gcc. Writes docs/performance.md.
bench-compare:
	dotnet run -c Release --project bench/Berth.Bench -- compare

# One program for machines without .NET: artifacts/publish/berth
publish:
	dotnet publish src/Berth -c Release -r linux-x64 -o artifacts/publish
