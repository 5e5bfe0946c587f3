using System.Buffers.Text;
using System.Formats.Cbor;
using System.Text;
using System.Text.Json;
using Berth.Access;
using Berth.Metadata;
using Fido2NetLib;
using Fido2NetLib.Objects;

namespace Berth.Identity;

/// <summary>What a browser's <c>navigator.credentials</c> is asked, and the ticket that goes with the answer.</summary>
/// <param name="Ticket">To be sent along with the answer.</param>
/// <param name="Options">JSON for <c>parseCreationOptionsFromJSON</c> or <c>parseRequestOptionsFromJSON</c>.</param>
internal sealed record PasskeyQuestion(string Ticket, string Options);

/// <summary>
/// Passkeys (Web Authentication, Level 3). They sign in by themselves, since the device makes sure that it is their
/// owner; and count as a second factor, so that the password alone does not sign in any more.
/// </summary>
internal sealed partial class Passkeys(
    StepTickets tickets, SecondFactors factors, Database database, AccessChanges changes, TimeProvider clock,
    ILogger<Passkeys> log)
{
    /// <summary>The most that a user has. People have some devices.</summary>
    public const int MaxPerUser = 20;

    /// <summary>The longest text: more than any device sends without an attestation, an id and a key of RSA.</summary>
    private const int MaxTextChars = 4096;

    /// <summary>What devices send is some levels deep; the library reads it by recursion.</summary>
    private const int MaxDepth = 16;

    /// <summary>The label of the algorithm in a key (RFC 9052, section 7.1).</summary>
    private const int AlgorithmLabel = 3;

    private const int RpIdBytes = 32;
    private const int CounterBytes = 4;
    private const int AaguidBytes = 16;

    /// <summary>All devices know one of them. Ed25519 would need a library of its own.</summary>
    private static readonly PubKeyCredParam[] Algorithms = [PubKeyCredParam.ES256, PubKeyCredParam.RS256];

    /// <summary>Asks a browser for a new passkey of a user.</summary>
    /// <param name="account">The user.</param>
    /// <param name="origin">The scheme and host at which the browser sees the registry.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<PasskeyQuestion> AskForNewAsync(AccountRow account, Uri origin, CancellationToken cancellation)
    {
        var ticket = await tickets.MakeAsync(StepTickets.NewPasskey, account.Id, cancellation);
        var present = await database.ReadAsync(
            session => SecondFactorTable.PasskeysAsync(session, account.Id), cancellation);
        return new PasskeyQuestion(ticket.Text, OptionsForNew(ticket, account, origin, present).ToJson());
    }

    /// <summary>Adds the passkey with which a browser answered, which stays signed in.</summary>
    /// <returns>What is wrong with the answer, or null.</returns>
    public async Task<string?> AddAsync(
        AccountRow account, string ticketText, string name, JsonElement answer, Uri origin, string? browser,
        CancellationToken cancellation)
    {
        if (await tickets.ReadAsync(StepTickets.NewPasskey, ticketText, cancellation) is not { } ticket
            || ticket.AccountId != account.Id)
        {
            return "it took too long: try again";
        }

        if (await VerifyNewAsync(ticket, account, answer, origin, cancellation) is not { } made)
        {
            return $"the device's answer is not for {origin.GetLeftPart(UriPartial.Authority)}, or can't be verified; "
                + "the log says why (behind a proxy, set http.host)";
        }

        var now = clock.GetUtcNow();
        var row = new PasskeyRow(Base64Url.EncodeToString(made.Id), account.Id, name, made.PublicKey)
        {
            SignCount = made.SignCount,
            CreatedAt = now,
            LastTicketAt = ticket.MadeAt,
        };
        return await changes.RunAsync(
            async session =>
            {
                if ((await SecondFactorTable.PasskeysAsync(session, account.Id)).Count >= MaxPerUser)
                    return $"a user has at most {MaxPerUser} passkeys: remove one first";
                if (!await SecondFactorTable.AddPasskeyAsync(session, row)) return "this passkey was added before";
                await SecondFactors.NoteAsync(session, account.Id, browser);
                return null;
            },
            cancellation);
    }

    public Task<bool> RemoveAsync(long accountId, string id, CancellationToken cancellation) => changes.RunAsync(
        async session =>
        {
            if (!await SecondFactorTable.RemovePasskeyAsync(session, accountId, id)) return false;
            await SecondFactors.NoteAsync(session, accountId);
            return true;
        },
        cancellation);

    /// <summary>Asks a browser to sign in.</summary>
    /// <param name="accountId">After the right password, whose; 0 for a passkey alone, which knows its owner.</param>
    /// <param name="origin">The scheme and host at which the browser sees the registry.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<PasskeyQuestion> AskAsync(long accountId, Uri origin, CancellationToken cancellation)
    {
        var ticket = await tickets.MakeAsync(StepTickets.Passkey, accountId, cancellation);
        var present = accountId == 0
            ? []
            : await database.ReadAsync(
                session => SecondFactorTable.PasskeysAsync(session, accountId), cancellation);
        return new PasskeyQuestion(ticket.Text, OptionsFor(ticket, origin, present).ToJson());
    }

    /// <summary>The account whose passkey answered, and that it was used is noted; null if the answer is not right.
    /// </summary>
    public async Task<long?> CheckAsync(
        string ticketText, JsonElement answer, Uri origin, CancellationToken cancellation)
    {
        if (await tickets.ReadAsync(StepTickets.Passkey, ticketText, cancellation) is not { } ticket) return null;
        if (SignInCalls.TextOf(answer, "id") is not { Length: < MaxTextChars } id || !Base64Url.IsValid(id))
            return null;
        var row = await database.ReadAsync(session => SecondFactorTable.FindPasskeyAsync(session, id), cancellation);
        if (row is null || (ticket.AccountId != 0 && ticket.AccountId != row.AccountId)) return null;
        if (await VerifyAsync(ticket, row, answer, origin, cancellation) is not { } count) return null;
        return await database.WriteAsync(
            session => SecondFactorTable.UsePasskeyAsync(session, id, count, ticket.MadeAt, clock.GetUtcNow()),
            isDurable: true, cancellation)
            ? row.AccountId : null;
    }

    /// <summary>
    /// What devices keep to tell users by, without a name in it (section 5.4.3): numbers are never used again.
    /// </summary>
    private static byte[] HandleOf(long accountId) => Encoding.ASCII.GetBytes($"berth-{accountId}");

    private CredentialCreateOptions OptionsForNew(
        StepTicket ticket, AccountRow account, Uri origin, List<PasskeyRow> present) =>
        CredentialCreateOptions.Create(
            ConfigurationFor(origin), ticket.Challenge,
            new Fido2User
            {
                Id = HandleOf(account.Id),
                Name = account.Name,
                DisplayName = account.FullName ?? account.Name,
            },
            new AuthenticatorSelection
            {
                ResidentKey = ResidentKeyRequirement.Required,
                UserVerification = UserVerificationRequirement.Required,
            },
            AttestationConveyancePreference.None, Known(present), extensions: null, Algorithms);

    private AssertionOptions OptionsFor(StepTicket ticket, Uri origin, List<PasskeyRow> present) =>
        AssertionOptions.Create(
            ConfigurationFor(origin), ticket.Challenge, Known(present), UserVerificationRequirement.Required,
            extensions: null);

    private static List<PublicKeyCredentialDescriptor> Known(List<PasskeyRow> rows) =>
        rows.ConvertAll(row => new PublicKeyCredentialDescriptor(Base64Url.DecodeFromChars(row.Id)));

    private Fido2Configuration ConfigurationFor(Uri origin) => new()
    {
        RPID = origin.Host,
        RPName = factors.TitleFor(origin.Host),
        Origins = new HashSet<string>([origin.GetLeftPart(UriPartial.Authority)]),
        Timeout = (uint)tickets.Lifetime.TotalMilliseconds,
    };

    private async Task<RegisteredPublicKeyCredential?> VerifyNewAsync(
        StepTicket ticket, AccountRow account, JsonElement answer, Uri origin, CancellationToken cancellation)
    {
        try
        {
            var response = answer.GetProperty("response");
            var sent = new AuthenticatorAttestationRawResponse
            {
                Id = answer.GetProperty("id").GetString()!,
                RawId = BytesOf(answer, "id"),
                Type = PublicKeyCredentialType.PublicKey,
                Response = new AuthenticatorAttestationRawResponse.AttestationResponse
                {
                    AttestationObject = BytesOf(response, "attestationObject"),
                    ClientDataJson = BytesOf(response, "clientDataJSON"),
                },
            };
            if (!IsSoundNew(sent.Response.AttestationObject)) return null;
            return await AuthenticatorAttestationResponse.Parse(sent).VerifyAsync(
                OptionsForNew(ticket, account, origin, []), ConfigurationFor(origin),
                (_, _) => Task.FromResult(true), metadataService: null, requestTokenBindingId: null, cancellation);
        }
        catch (Exception e) when (IsOfAnswer(e))
        {
            LogRefused(e.Message);
            return null;
        }
    }

    private async Task<uint?> VerifyAsync(
        StepTicket ticket, PasskeyRow row, JsonElement answer, Uri origin, CancellationToken cancellation)
    {
        try
        {
            var response = answer.GetProperty("response");
            var sent = new AuthenticatorAssertionRawResponse
            {
                Id = row.Id,
                RawId = Base64Url.DecodeFromChars(row.Id),
                Type = PublicKeyCredentialType.PublicKey,
                Response = new AuthenticatorAssertionRawResponse.AssertionResponse
                {
                    AuthenticatorData = BytesOf(response, "authenticatorData"),
                    ClientDataJson = BytesOf(response, "clientDataJSON"),
                    Signature = BytesOf(response, "signature"),
                    UserHandle = SignInCalls.TextOf(response, "userHandle") is null
                        ? null : BytesOf(response, "userHandle"),
                },
            };
            if (!IsSound(sent.Response.AuthenticatorData, out _)) return null;
            var handle = HandleOf(row.AccountId);
            var result = await AuthenticatorAssertionResponse.Parse(sent).VerifyAsync(
                OptionsFor(ticket, origin, [row]), ConfigurationFor(origin), row.PublicKey, (uint)row.SignCount,
                (owner, _) => Task.FromResult(owner.UserHandle.AsSpan().SequenceEqual(handle)),
                metadataService: null, requestTokenBindingId: null, cancellation);
            return result.SignCount;
        }
        catch (Exception e) when (IsOfAnswer(e))
        {
            LogRefused(e.Message);
            return null;
        }
    }

    /// <exception cref="FormatException">There is no such text, or it is too long.</exception>
    private static byte[] BytesOf(JsonElement json, string name) =>
        SignInCalls.TextOf(json, name) is { Length: <= MaxTextChars } text
            ? Base64Url.DecodeFromChars(text) : throw new FormatException(name);

    /// <summary>The library says that it does not understand something with whatever that made it throw.</summary>
    private static bool IsOfAnswer(Exception e) => e is not (OperationCanceledException or OutOfMemoryException);

    /// <summary>
    /// Whether an attestation is one that the library can be given: not deep, without a certificate, and of a key that
    /// was asked for.
    /// </summary>
    private static bool IsSoundNew(byte[] attestation)
    {
        if (!IsShallow(attestation)) return false;
        var reader = new CborReader(attestation, CborConformanceMode.Lax);
        byte[]? data = null;
        string? format = null;
        for (var left = reader.ReadStartMap() ?? 0; left > 0; left--)
        {
            switch (reader.ReadTextString())
            {
                case "authData": data = reader.ReadByteString(); break;
                case "fmt": format = reader.ReadTextString(); break;
                default: reader.SkipValue(); break;
            }
        }

        return format == "none" && data is not null && IsSound(data, out var key) && key is not null
            && Algorithms.Any(each => (int)each.Alg == AlgorithmOf(key));
    }

    /// <summary>Whether what follows the fixed part is not deep (section 6.1).</summary>
    /// <param name="data">Authenticator data.</param>
    /// <param name="key">The key in it, with the extensions behind it; null if it has none.</param>
    private static bool IsSound(byte[] data, out byte[]? key)
    {
        key = null;
        var at = RpIdBytes + 1 + CounterBytes;
        if (data.Length < at) return false;
        if ((data[RpIdBytes] & (int)AuthenticatorFlags.AT) != 0)
        {
            at += AaguidBytes;
            if (data.Length < at + 2) return false;
            at += 2 + (data[at] << 8) + data[at + 1];
            if (data.Length < at) return false;
            key = data[at..];
        }

        return data.Length == at || IsShallow(data.AsMemory(at));
    }

    private static bool IsShallow(ReadOnlyMemory<byte> items)
    {
        var reader = new CborReader(items, CborConformanceMode.Lax, allowMultipleRootLevelValues: true);
        while (reader.PeekState() is not CborReaderState.Finished and var state)
        {
            if (reader.CurrentDepth > MaxDepth) return false;
            Step(reader, state);
        }

        return true;
    }

    private static void Step(CborReader reader, CborReaderState state)
    {
        switch (state)
        {
            case CborReaderState.StartMap: reader.ReadStartMap(); break;
            case CborReaderState.EndMap: reader.ReadEndMap(); break;
            case CborReaderState.StartArray: reader.ReadStartArray(); break;
            case CborReaderState.EndArray: reader.ReadEndArray(); break;
            case CborReaderState.Tag: reader.ReadTag(); break;
            default: reader.SkipValue(); break;
        }
    }

    private static int? AlgorithmOf(byte[] key)
    {
        var reader = new CborReader(key, CborConformanceMode.Lax, allowMultipleRootLevelValues: true);
        for (var left = reader.ReadStartMap() ?? 0; left > 0; left--)
        {
            if (reader.ReadInt32() == AlgorithmLabel) return reader.ReadInt32();
            reader.SkipValue();
        }

        return null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The answer of a passkey was refused: {Reason}")]
    private partial void LogRefused(string reason);
}
