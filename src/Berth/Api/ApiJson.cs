using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Access;
using Berth.Import;
using Berth.Lifecycle;
using Berth.Metadata;

namespace Berth.Api;

/// <summary>All that the API reads and writes, with code generated for it.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(MeView))]
[JsonSerializable(typeof(MeChange))]
[JsonSerializable(typeof(PasswordChange))]
[JsonSerializable(typeof(Listed<IdentityView>))]
[JsonSerializable(typeof(NewIdentity))]
[JsonSerializable(typeof(Listed<TokenView>))]
[JsonSerializable(typeof(NewToken))]
[JsonSerializable(typeof(MadeToken))]
[JsonSerializable(typeof(Rotation))]
[JsonSerializable(typeof(Listed<SessionView>))]
[JsonSerializable(typeof(Listed<UserView>))]
[JsonSerializable(typeof(UserView))]
[JsonSerializable(typeof(NewUser))]
[JsonSerializable(typeof(MadeUser))]
[JsonSerializable(typeof(UserChange))]
[JsonSerializable(typeof(NewPassword))]
[JsonSerializable(typeof(MadePassword))]
[JsonSerializable(typeof(Listed<OrganizationView>))]
[JsonSerializable(typeof(NewOrganization))]
[JsonSerializable(typeof(OrganizationChange))]
[JsonSerializable(typeof(Listed<CollectionView>))]
[JsonSerializable(typeof(NewCollection))]
[JsonSerializable(typeof(Listed<BackupView>))]
[JsonSerializable(typeof(BackupVerificationView))]
[JsonSerializable(typeof(ScrubView))]
[JsonSerializable(typeof(Listed<BlobFaultView>))]
[JsonSerializable(typeof(GarbageReport))]
[JsonSerializable(typeof(Listed<ImportView>))]
[JsonSerializable(typeof(NewImport))]
[JsonSerializable(typeof(Listed<ImportNote>))]
[JsonSerializable(typeof(ImportForecast))]
[JsonSerializable(typeof(Listed<MemberView>))]
[JsonSerializable(typeof(Membership))]
[JsonSerializable(typeof(Listed<TeamView>))]
[JsonSerializable(typeof(NewTeam))]
[JsonSerializable(typeof(TeamChange))]
[JsonSerializable(typeof(Listed<TeamMemberView>))]
[JsonSerializable(typeof(Listed<TeamGroup>))]
[JsonSerializable(typeof(Listed<GrantView>))]
[JsonSerializable(typeof(NewGrant))]
[JsonSerializable(typeof(Listed<RobotView>))]
[JsonSerializable(typeof(NewRobot))]
[JsonSerializable(typeof(RobotChange))]
[JsonSerializable(typeof(MadeRobot))]
[JsonSerializable(typeof(Listed<RepositoryView>))]
[JsonSerializable(typeof(Listed<JobView>))]
[JsonSerializable(typeof(Listed<JobRunView>))]
[JsonSerializable(typeof(Listed<NodeView>))]
[JsonSerializable(typeof(Listed<UploadView>))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(StorageView))]
[JsonSerializable(typeof(Listed<NamespaceView>))]
[JsonSerializable(typeof(Listed<ActivityView>))]
[JsonSerializable(typeof(Listed<TagView>))]
[JsonSerializable(typeof(TagTarget))]
[JsonSerializable(typeof(ImageView))]
[JsonSerializable(typeof(ArtifactView))]
[JsonSerializable(typeof(Listed<LayerHolderView>))]
[JsonSerializable(typeof(ReferrersView))]
[JsonSerializable(typeof(Listed<TagMoveView>))]
[JsonSerializable(typeof(ImageFilesView))]
[JsonSerializable(typeof(ImagePackagesView))]
[JsonSerializable(typeof(PackageSearchView))]
[JsonSerializable(typeof(ImageVulnerabilitiesView))]
[JsonSerializable(typeof(VulnerabilitySearchView))]
[JsonSerializable(typeof(VulnerabilityDataView))]
[JsonSerializable(typeof(Listed<VulnerabilityNewsView>))]
[JsonSerializable(typeof(VulnerabilityChangesView))]
[JsonSerializable(typeof(ImageWasteView))]
[JsonSerializable(typeof(ImageDifferencesView))]
[JsonSerializable(typeof(byte[]))]
[JsonSerializable(typeof(Listed<TrashView>))]
[JsonSerializable(typeof(Restoration))]
[JsonSerializable(typeof(RestoredView))]
[JsonSerializable(typeof(EmptiedView))]
[JsonSerializable(typeof(TrashToEmpty))]
[JsonSerializable(typeof(TagChange))]
[JsonSerializable(typeof(Listed<TagRuleView>))]
[JsonSerializable(typeof(NewTagRule))]
[JsonSerializable(typeof(TagRulePlan))]
[JsonSerializable(typeof(Listed<TrustView>))]
[JsonSerializable(typeof(NewTrust))]
[JsonSerializable(typeof(SignaturesView))]
[JsonSerializable(typeof(Listed<RetentionView>))]
[JsonSerializable(typeof(Listed<RetentionRunView>))]
[JsonSerializable(typeof(NewRetentionRun))]
[JsonSerializable(typeof(RetentionEstimate))]
[JsonSerializable(typeof(Listed<PinListView>))]
[JsonSerializable(typeof(NewPinList))]
[JsonSerializable(typeof(PinnedView))]
[JsonSerializable(typeof(UsageView))]
[JsonSerializable(typeof(ReclaimableBytes))]
[JsonSerializable(typeof(Listed<QuotaView>))]
[JsonSerializable(typeof(NewQuota))]
[JsonSerializable(typeof(NewRepository))]
[JsonSerializable(typeof(Listed<StarView>))]
[JsonSerializable(typeof(SearchView))]
[JsonSerializable(typeof(FileSearchView))]
[JsonSerializable(typeof(SearchRebuildView))]
[JsonSerializable(typeof(Listed<SearchRebuildView>))]
[JsonSerializable(typeof(StatisticsView))]
[JsonSerializable(typeof(NewRepositoryCopy))]
[JsonSerializable(typeof(RepositoryCopyView))]
[JsonSerializable(typeof(NewRepositoryMove))]
[JsonSerializable(typeof(RepositoryMoveView))]
[JsonSerializable(typeof(RepositoryChange))]
[JsonSerializable(typeof(Explanation))]
[JsonSerializable(typeof(Listed<AccessHolderView>))]
[JsonSerializable(typeof(SentSecret))]
[JsonSerializable(typeof(TokenExplanation))]
[JsonSerializable(typeof(Listed<KeylessRuleView>))]
[JsonSerializable(typeof(NewKeylessRule))]
[JsonSerializable(typeof(Listed<AuditView>))]
[JsonSerializable(typeof(SecondFactorsView))]
[JsonSerializable(typeof(NewApp))]
[JsonSerializable(typeof(AppCode))]
[JsonSerializable(typeof(MadeCodes))]
[JsonSerializable(typeof(PasskeyOptions))]
[JsonSerializable(typeof(NewPasskey))]
[JsonSerializable(typeof(Listed<InvitationView>))]
[JsonSerializable(typeof(NewInvitation))]
[JsonSerializable(typeof(MadeInvitation))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>Strict, so that a misspelled field is an error and not ignored.</summary>
    public static void Set(JsonSerializerOptions options)
    {
        options.TypeInfoResolverChain.Insert(0, Default);
        var words = JsonNamingPolicy.CamelCase;
        options.Converters.Add(new JsonStringEnumConverter<Role>(words, allowIntegerValues: false));
        options.Converters.Add(new JsonStringEnumConverter<RegistryRole>(words, allowIntegerValues: false));
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.PropertyNameCaseInsensitive = false;
        options.MaxDepth = 32;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
    }
}
