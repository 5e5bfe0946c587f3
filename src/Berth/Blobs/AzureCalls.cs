using System.Xml;
using Azure;
using Azure.Storage.Blobs.Models;
using Berth.Settings;

namespace Berth.Blobs;

/// <summary>What failures of Azure mean.</summary>
internal sealed class AzureCalls(AzureSettings settings, TimeProvider clock, ILogger log)
    : ObjectCalls(settings.Retries, settings.Timeout, clock, log)
{
    /// <summary>Refusals of an account or a container that is not there, whoever asks for whatever blob.</summary>
    private static readonly string[] Absences =
        ["ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled", "ResourceNotFound", "AccountNotFound"];

    /// <summary>
    /// A copy to the same place that has not ended yet will have done so after a while. The client finds no XML where
    /// something between it and the store answers to a HEAD.
    /// </summary>
    protected override bool IsPassing(Exception e) => e switch
    {
        RequestFailedException { ErrorCode: "PendingCopyOperation" } => true,
        RequestFailedException { Status: 0 or 408 or 429 } => true,
        RequestFailedException { Status: >= 500 } => !IsFull(e),
        AggregateException or XmlException => true,
        _ => base.IsPassing(e),
    };

    /// <summary>The client asks again by itself where a reading broke, and may be refused.</summary>
    protected override bool IsBreak(Exception e) => e is RequestFailedException || base.IsBreak(e);

    protected override bool IsRefusal(Exception e) => e is RequestFailedException refusal && !IsAnswer(refusal);

    protected override bool IsFull(Exception e) => e is RequestFailedException { Status: 507 };

    /// <summary>The first line: the others hold headers, and the request's id.</summary>
    protected override string ReasonOf(Exception e) => e is RequestFailedException { Status: > 0 } told
        ? $"{told.Status} {told.ErrorCode ?? "without a code"}, {FirstLineOf(told.Message)}"
        : FirstLineOf(e.Message);

    private static bool IsAnswer(RequestFailedException e) =>
        (e.Status is 404 or 412 or 416 || e.ErrorCode is "InvalidBlockList" or "InvalidBlockId" or "BlobAlreadyExists")
        && !Absences.Contains(e.ErrorCode);

    private static string FirstLineOf(string text) => text.Split('\n')[0].TrimEnd();
}
