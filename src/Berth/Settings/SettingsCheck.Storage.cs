using Cronos;

namespace Berth.Settings;

/// <summary>The checks of the store.</summary>
internal sealed partial class SettingsCheck
{
    /// <summary>Those from which an object can be read at once (S3's API, PutObject, x-amz-storage-class).</summary>
    private static readonly string[] StorageClasses =
    [
        "NONE", "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "OUTPOSTS",
        "GLACIER_IR", "EXPRESS_ONEZONE",
    ];

    /// <summary>S3's user guide, "Canned ACL".</summary>
    private static readonly string[] ObjectAcls =
    [
        "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
        "bucket-owner-full-control",
    ];

    private void CheckStorage()
    {
        switch (settings.Storage.Cache.BlobDescriptor?.ToLowerInvariant())
        {
            case null or "inmemory":
                break;
            case "redis":
                Notice("storage.cache.blobdescriptor", "Berth needs no Redis, and caches in memory");
                break;
            case var cache:
                Error("storage.cache.blobdescriptor", $"must be inmemory or redis, not '{cache}'");
                break;
        }

        CheckInMemory();

        if (settings.Storage.S3 is { } s3)
        {
            CheckPlace(s3);
            CheckWords(s3);
            CheckSizes(s3);
        }

        if (settings.Storage.Azure is { } azure)
        {
            CheckAzure(azure);
            if (settings.Storage.S3 is not null)
                Error("storage.azure", "storage.s3 is given too; remove one of them");
        }

        CheckRedirect();
        CheckBackup();
    }

    private void CheckBackup()
    {
        var backup = settings.Storage.Maintenance.Backup;
        if (!CronExpression.TryParse(backup.Schedule, out _))
        {
            Error("storage.maintenance.backup.schedule",
                $"'{backup.Schedule}' is not a cron expression of five fields, such as 0 3 * * * for 3:00 UTC");
        }

        if (backup.To is "")
        {
            Error("storage.maintenance.backup.to",
                "set this to a folder, s3://bucket/prefix or azure://account/container/prefix, or remove it");
        }
        else if (backup.To is { } to && !BackupSettings.IsBucket(to) && settings.Database.Host is not null)
        {
            Notice("storage.maintenance.backup.to",
                "any node may make the next backup: if there are several, all must have the same folder there");
        }
    }

    private void CheckInMemory()
    {
        if (settings.Storage.InMemory is null) return;
        Notice("storage.inmemory", "whatever is pushed is gone when Berth ends: for tests only");
        if (settings.Storage.IsRemote)
        {
            var other = settings.Storage.S3 is null ? "azure" : "s3";
            Error("storage.inmemory", $"storage.{other} is given too; remove one of them");
        }

        if (settings.Database is { Path: not null } or { Host: not null })
            Error("storage.inmemory", "the database would outlive the content it describes; remove database too");
        if (origins.ContainsKey("storage.filesystem.rootdirectory"))
            Notice("storage.filesystem.rootdirectory", "has no effect with storage.inmemory");
    }

    private void CheckPlace(S3Settings s3)
    {
        if (s3.Bucket.Length == 0) Error("storage.s3.bucket", "set this to the name of a bucket");
        if (s3.RegionEndpoint is { } endpoint)
        {
            if (!IsEndpoint(endpoint))
            {
                Error("storage.s3.regionendpoint", "must be a host or a URL, such as https://s3.example.com");
            }
            else if (s3.UseDualStack || s3.Accelerate || s3.UseFipsEndpoint)
            {
                Error("storage.s3.regionendpoint", "usedualstack, accelerate and usefipsendpoint select among "
                    + "Amazon's own endpoints: remove them or this key");
            }
            else if (s3.ForcePathStyle is null)
            {
                Notice("storage.s3.regionendpoint", "the bucket's name goes into the path, as with registry:2; set "
                    + "storage.s3.forcepathstyle to true to confirm this, or to false to put it into the host name");
            }
        }
        else if (string.IsNullOrEmpty(s3.Region))
        {
            Error("storage.s3.region", "set this to the bucket's region, such as eu-central-1, "
                + "or set storage.s3.regionendpoint to the URL of another store");
        }

        if (string.IsNullOrEmpty(s3.AccessKey) != string.IsNullOrEmpty(s3.SecretKey))
        {
            Error("storage.s3.accesskey", "storage.s3.accesskey and storage.s3.secretkey belong together; "
                + "with neither, credentials come from the machine");
        }
        else if (s3.SessionToken is not null && string.IsNullOrEmpty(s3.AccessKey))
        {
            Error("storage.s3.sessiontoken", "a session token needs an accesskey and a secretkey");
        }

        NoticeFolder("storage.s3");
    }

    private void NoticeFolder(string place)
    {
        if (!origins.ContainsKey("storage.filesystem.rootdirectory")) return;
        Notice("storage.filesystem.rootdirectory",
            $"with {place}, no blobs go into this folder; it holds only the database and its lock");
    }

    private void CheckWords(S3Settings s3)
    {
        if (!s3.V4Auth) Error("storage.s3.v4auth", "only version 4 signatures are supported; remove this key");
        if (!s3.LogLevel.Equals("off", StringComparison.OrdinalIgnoreCase)
            && SettingsText.ParseSwitch(s3.LogLevel) is not false)
        {
            Notice("storage.s3.loglevel", "the client has no log of its own; log.level: debug shows its retries");
        }

        if (s3.KeyId is not null && !s3.Encrypt)
            Notice("storage.s3.keyid", "has no effect without storage.s3.encrypt: true");
        if (!StorageClasses.Contains(s3.StorageClass.ToUpperInvariant()))
            Error("storage.s3.storageclass", $"must be one of {string.Join(", ", StorageClasses)}");
        if (!ObjectAcls.Contains(s3.ObjectAcl))
            Error("storage.s3.objectacl", $"must be one of {string.Join(", ", ObjectAcls)}");
        if (s3.UserAgent?.Any(c => c is < ' ' or > '~') == true)
            Error("storage.s3.useragent", "an HTTP header holds printable ASCII only");
        if (s3.SkipVerify)
            Notice("storage.s3.skipverify", "anyone between Berth and the store can read and change what passes");
    }

    private void CheckSizes(S3Settings s3)
    {
        MustHoldOnePart("storage.s3", s3.UploadMemoryBytes, s3.ChunkSize);
    }

    private void MustHoldOnePart(string place, long memoryBytes, long partBytes)
    {
        if (memoryBytes < partBytes)
        {
            Error($"{place}.uploadmemorybytes",
                $"must hold at least one part of {place}.chunksize, {SettingsText.WriteSize(partBytes)}");
        }
    }

    private void CheckRedirect()
    {
        var redirect = settings.Storage.Redirect;
        var isByAddress = redirect.Mode is RedirectMode.Inside or RedirectMode.Outside;
        if (isByAddress && redirect.Networks.Count == 0 && !HasErrorIn("storage.redirect.networks"))
            Error("storage.redirect.mode", "with inside or outside, storage.redirect.networks must name the networks");
        if (!isByAddress && redirect.Networks.Count > 0)
            Notice("storage.redirect.networks", "has no effect unless storage.redirect.mode is inside or outside");
        if (redirect.Disable && redirect.Mode != RedirectMode.Never && origins.ContainsKey("storage.redirect.mode"))
            Error("storage.redirect.disable", "contradicts storage.redirect.mode; remove one of them");
        if (!settings.Storage.IsRemote && origins.ContainsKey("storage.redirect.mode"))
        {
            Notice("storage.redirect.mode",
                "has no effect without storage.s3 or storage.azure: a folder has no URL to redirect to");
        }
    }

    private static bool IsEndpoint(string text)
    {
        var url = text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text;
        return IsRoot(url.TrimEnd('/'));
    }
}
