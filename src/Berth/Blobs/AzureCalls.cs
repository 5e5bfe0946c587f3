using System.Xml;
using Azure;
using Azure.Storage.Blobs.Models;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>Classifies failures of calls to Azure.</summary>
internal sealed class AzureCalls(AzureSettings settings, TimeProvider clock, ILogger log)
    : ObjectCalls(settings.Retries, settings.Timeout, clock, log)
{
    /// <summary>404s for a missing account or container, rather than a missing blob.</summary>
    private static readonly string[] Absences =
        ["ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "ResourceNotFound", "AccountNotFound"];

    /// <summary>
    /// PendingCopyOperation: an earlier copy to the same blob is still running, and will end. XmlException: something
    /// between the client and the store, such as a proxy, answered instead of the store.
    /// </summary>
    protected override bool IsTransient(Exception e) => e switch
    {
        RequestFailedException { ErrorCode: "PendingCopyOperation" } => true,
        RequestFailedException { Status: 0 or 408 or 429 } => true,
        RequestFailedException { Status: >= 500 } => !IsFull(e),
        AggregateException or XmlException => true,
        _ => base.IsTransient(e),
    };

    /// <summary>The client resumes broken downloads by itself, and that request may fail too.</summary>
    protected override bool IsBreak(Exception e) => e is RequestFailedException || base.IsBreak(e);

    protected override bool IsRefusal(Exception e) => e is RequestFailedException refusal && !IsAnswer(refusal);

    protected override bool IsFull(Exception e) => e is RequestFailedException { Status: 507 };

    /// <summary>Only the first line of the message: the others are the response's headers.</summary>
    protected override string ReasonOf(Exception e) => e is RequestFailedException { Status: > 0 } told
        ? $"{told.Status} {told.ErrorCode ?? "without a code"}, {FirstLineOf(told.Message)}"
        : FirstLineOf(e.Message);

    private static bool IsAnswer(RequestFailedException e) =>
        (e.Status is 404 or 412 or 416 || e.ErrorCode is "InvalidBlockList" or "InvalidBlockId" or "BlobAlreadyExists")
        && !Absences.Contains(e.ErrorCode);

    private static string FirstLineOf(string text) => text.Split('\n')[0].TrimEnd();
}
