using Berth.Access;
using Berth.Api;
using Berth.Oci;

namespace Berth.Pages;

/// <summary>What a reader may do in a repository besides reading: links to what is refused are not shown.</summary>
internal sealed record RepositoryRights(bool MayPush, bool MayDelete, bool MayManage)
{
    public static async ValueTask<RepositoryRights> OfAsync(ApiGate gate, HttpContext http, string repository)
    {
        var (caller, name) = (http.Caller(), RepositoryName.Parse(repository));
        return new RepositoryRights(
            await MayAsync(AccessAction.Push), await MayAsync(AccessAction.Delete),
            await MayAsync(AccessAction.Manage));

        async ValueTask<bool> MayAsync(AccessAction action) =>
            await gate.AskAsync(http, caller, action, name) is null && gate.Refuse(action) is null;
    }
}
