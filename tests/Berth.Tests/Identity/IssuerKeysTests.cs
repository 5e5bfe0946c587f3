using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Identity;
using Berth.Settings;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Berth.Tests.Identity;

/// <summary>An issuer that rotates its keys, is away, or does not behave.</summary>
public sealed class IssuerKeysTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Keys_are_read_once_for_any_number_of_tokens()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(Accept));
        Assert.Equal((1, 1), (setup.Issuer.Discoveries, setup.Issuer.KeyReads));
        setup.Clock.Advance(TimeSpan.FromMinutes(61));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(Accept));
        Assert.Equal((2, 2), (setup.Issuer.Discoveries, setup.Issuer.KeyReads));

        Task Accept(int i) => setup.AcceptAsync(setup.Token(claims: ("sub", $"{i}")));
    }

    [Fact]
    public async Task A_new_key_is_found_when_the_first_token_names_it()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await setup.AcceptAsync(setup.Token());
        setup.Issuer.Keys = [TestKey.First.ToJson(), TestKey.Second.ToJson()];
        await setup.AcceptAsync(setup.Token(TestKey.Second));
        await setup.AcceptAsync(setup.Token());
        Assert.Equal(2, setup.Issuer.Discoveries);
    }

    [Fact]
    public async Task Tokens_with_unknown_keys_make_berth_ask_the_issuer_once_per_interval()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await setup.AcceptAsync(setup.Token());
        for (var minute = 1; minute <= 3; minute++)
        {
            await Task.WhenAll(Enumerable.Range(0, 200).Select(
                i => setup.RefuseAsync(setup.Token(TestKey.Second.As($"unknown-{i}")))));
            for (var i = 0; i < 50; i++) await setup.RefuseAsync(setup.Token(TestKey.Second.As($"{i}")));
            Assert.Equal((1 + minute, 1 + minute), (setup.Issuer.Discoveries, setup.Issuer.KeyReads));
            setup.Clock.Advance(TimeSpan.FromMinutes(1));
        }
    }

    [Fact]
    public async Task Tokens_with_unknown_keys_do_not_hammer_an_issuer_that_is_away()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await setup.AcceptAsync(setup.Token());
        setup.Issuer.Misbehaviour = http => Fail(http, 500);
        for (var i = 0; i < 50; i++) await setup.RefuseAsync(setup.Token(TestKey.Second.As($"{i}")));
        Assert.Equal(2, setup.Issuer.Discoveries);
        await setup.AcceptAsync(setup.Token());
    }

    [Fact]
    public async Task A_key_that_was_withdrawn_is_refused_after_the_refresh_even_for_tokens_seen_before()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var hour = setup.Clock.GetUtcNow().ToUnixTimeSeconds() + (3 * 3600);
        var token = setup.Token(claims: ("exp", hour));
        await setup.AcceptAsync(token);
        setup.Issuer.Keys = [TestKey.Second.ToJson()];
        setup.Clock.Advance(TimeSpan.FromMinutes(59));
        await setup.AcceptAsync(token);
        setup.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(
            "the token is signed with a key that issuer test does not have", await setup.RefuseAsync(token));
        await setup.AcceptAsync(setup.Token(TestKey.Second));
    }

    [Fact]
    public async Task The_last_keys_stay_valid_for_a_day_while_the_issuer_is_away()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await setup.AcceptAsync(setup.Token());
        setup.Issuer.Misbehaviour = http => Fail(http, 503);
        for (var hour = 1; hour < 24; hour++)
        {
            setup.Clock.Advance(TimeSpan.FromHours(1));
            await setup.AcceptAsync(setup.Token());
        }

        setup.Clock.Advance(TimeSpan.FromHours(1));
        await setup.AssertAwayAsync(setup.Token());
        await setup.AssertAwayAsync(setup.Token());
        setup.Issuer.Misbehaviour = null;
        setup.Clock.Advance(TimeSpan.FromSeconds(10));
        await setup.AcceptAsync(setup.Token());
    }

    [Fact]
    public async Task An_issuer_that_is_away_from_the_start_is_asked_every_ten_seconds()
    {
        await using var setup = await KeylessSetup.StartAsync();
        setup.Issuer.Misbehaviour = http => Fail(http, 500);
        for (var i = 0; i < 20; i++) await setup.AssertAwayAsync(setup.Token());
        Assert.Equal(1, setup.Issuer.Discoveries);
        setup.Issuer.Misbehaviour = null;
        await setup.AssertAwayAsync(setup.Token());
        setup.Clock.Advance(TimeSpan.FromSeconds(10));
        await setup.AcceptAsync(setup.Token());
    }

    [Fact]
    public async Task An_issuer_that_hangs_delays_only_the_first_tokens()
    {
        await using var setup = await KeylessSetup.StartAsync();
        await setup.AcceptAsync(setup.Token());
        setup.Issuer.Misbehaviour = http => Task.Delay(Timeout.Infinite, http.RequestAborted);
        setup.Clock.Advance(TimeSpan.FromHours(2));
        var accepted = setup.AcceptAsync(setup.Token());
        await Eventually.TrueAsync(() => setup.Issuer.Discoveries == 2);
        Assert.False(accepted.IsCompleted);
        setup.Clock.Advance(TimeSpan.FromSeconds(10));
        await accepted;

        // From now on the issuer is known to be away: nobody waits for the next attempt, which never ends here.
        setup.Clock.Advance(TimeSpan.FromSeconds(10));
        await setup.AcceptAsync(setup.Token());
        await Eventually.TrueAsync(() => setup.Issuer.Discoveries == 3);
        setup.Clock.Advance(TimeSpan.FromSeconds(9));
        await setup.AcceptAsync(setup.Token());
        Assert.Equal(3, setup.Issuer.Discoveries);
    }

    [Fact]
    public async Task Whoever_stops_waiting_does_not_stop_the_reading_for_others()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var answering = new TaskCompletionSource();
        setup.Issuer.Misbehaviour = async http =>
        {
            await answering.Task;
            setup.Issuer.Misbehaviour = null;
            await http.Response.WriteAsync(setup.Issuer.Discovery(), Stop);
        };
        using var impatient = new CancellationTokenSource();
        var first = setup.Tokens.CheckAsync(setup.Token(), impatient.Token).AsTask();
        await Eventually.TrueAsync(() => setup.Issuer.Discoveries == 1);
        var second = setup.AcceptAsync(setup.Token());
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        answering.SetResult();
        await second;
        Assert.Equal(1, setup.Issuer.Discoveries);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"issuer":"URL"}""")]
    [InlineData("""{"issuer":"https://other.example.com","jwks_uri":"URL/keys"}""")]
    [InlineData("""{"issuer":"URL/","jwks_uri":"URL/keys"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"http://registry.example.com/keys"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"file:///etc/passwd"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"/keys"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"URL/.well-known/openid-configuration"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":["URL/keys"]}""")]
    public async Task A_discovery_document_that_lies_is_not_believed(string document)
    {
        await using var setup = await KeylessSetup.StartAsync();
        document = document.Replace("URL", setup.Issuer.Url, StringComparison.Ordinal);
        setup.Issuer.Misbehaviour = http => http.Request.Path == "/keys"
            ? http.Response.WriteAsync(TestIssuer.KeySet(setup.Issuer.Keys), Stop)
            : http.Response.WriteAsync(document, Stop);
        await setup.AssertAwayAsync(setup.Token());
    }

    [Theory]
    [InlineData("http://registry.example.com/keys")]
    [InlineData("http://127.0.0.1.example.com/keys")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://127.0.0.1/keys")]
    [InlineData("/keys")]
    [InlineData("")]
    public async Task Nobody_is_asked_without_https(string address)
    {
        using var documents = new IssuerDocuments(new KeylessIssuerSettings(), new KeylessSettings());
        await Assert.ThrowsAsync<InvalidDataException>(() => documents.GetDocumentAsync(address, Stop));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":{}}""")]
    [InlineData("""{"keys":[1]}""")]
    [InlineData("""{"keys":[{"kty":"RSA","kid":"first","n":"!","e":"AQAB"}]}""")]
    [InlineData("""{"keys":[{"kty":"RSA","kid":"first"}]}""")]
    [InlineData("""{"keys":[{"kty":"EC","kid":"first","crv":"P-256"}]}""")]
    public async Task Keys_that_can_not_be_used_are_as_if_the_issuer_were_away(string keys)
    {
        await using var setup = await KeylessSetup.StartAsync();
        setup.Issuer.Misbehaviour = http => http.Response.WriteAsync(
            http.Request.Path == "/keys" ? keys : setup.Issuer.Discovery(), Stop);
        await setup.AssertAwayAsync(setup.Token());
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_not_followed(int status)
    {
        await using var setup = await KeylessSetup.StartAsync();
        await using var other = await TestIssuer.StartAsync();
        setup.Issuer.Misbehaviour = http =>
        {
            http.Response.Headers.Location = other.Url + http.Request.Path;
            return Fail(http, status);
        };
        await setup.AssertAwayAsync(setup.Token());
        Assert.Equal(0, other.Discoveries);
    }

    [Fact]
    public async Task A_huge_answer_is_not_read()
    {
        await using var setup = await KeylessSetup.StartAsync();
        var sent = 0L;
        setup.Issuer.Misbehaviour = async http =>
        {
            var block = new byte[64 << 10];
            Array.Fill(block, (byte)' ');
            while (!http.RequestAborted.IsCancellationRequested && sent < 1L << 30)
            {
                await http.Response.Body.WriteAsync(block, http.RequestAborted);
                sent += block.Length;

                // Kestrel does not wait for a client that is gone.
                await Task.Delay(1, Stop);
            }
        };
        await setup.AssertAwayAsync(setup.Token());
        Assert.InRange(sent, 1, 16 << 20);
    }

    [Fact]
    public async Task The_token_of_a_file_is_sent_along_and_read_anew()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "one\n", Stop);
            await using var setup = await KeylessSetup.StartAsync(
                changeIssuer: issuer => issuer with { TokenFile = file });
            await setup.AcceptAsync(setup.Token());
            Assert.Equal("Bearer one", setup.Issuer.Authorization);
            await File.WriteAllTextAsync(file, "two", Stop);
            setup.Clock.Advance(TimeSpan.FromHours(1));
            await setup.AcceptAsync(setup.Token());
            Assert.Equal("Bearer two", setup.Issuer.Authorization);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task An_issuer_with_a_certificate_of_a_private_ca_is_trusted_only_with_that_ca()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=issuer", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, certificate.ExportCertificatePem(), Stop);
            await using var issuer = await TestIssuer.StartAsync(
                host => host.UseKestrelHttpsConfiguration().ConfigureKestrel(
                    options => options.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate))));
            Assert.StartsWith("https://", issuer.Url, StringComparison.Ordinal);
            var clock = new SteppingClock();
            var settings = new KeylessIssuerSettings
            {
                Name = "test",
                Url = issuer.Url,
                Audience = [TestIssuer.Audience],
                Rules = [KeylessSetup.Rule("sub == \"**\"", "pull", "**")],
            };
            Assert.Equal(KeylessOutcome.Unavailable, await AskAsync(settings));
            Assert.Equal(KeylessOutcome.Accepted, await AskAsync(settings with { Ca = file }));

            async Task<KeylessOutcome> AskAsync(KeylessIssuerSettings of) => (await new KeylessTokens(
                new KeylessSettings { Issuers = [of] }, clock, NullLogger<KeylessTokens>.Instance)
                .CheckAsync(TestIssuer.Token(issuer.Claims(clock)), Stop)).Outcome;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Task Fail(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
