using System.Globalization;
using Berth.Api;

namespace Berth.Pages;

/// <summary>
/// All texts of the pages, in English. A translation is a class that inherits this one and overrides them; the other
/// files of this folder have those of single pages.
/// </summary>
internal partial class English
{
    private static readonly string[] Units = ["B", "KB", "MB", "GB", "TB", "PB"];

    public static English Only { get; } = new();

    /// <summary>The language (BCP 47).</summary>
    public virtual string Language => "en";

    protected virtual CultureInfo Numbers => CultureInfo.InvariantCulture;

    // The frame
    public virtual string SkipLink => "Skip to the content";
    public virtual string Explore => "Explore";
    public virtual string SignIn => "Sign in";
    public virtual string SignOut => "Sign out";
    public virtual string Settings => "Settings";
    public virtual string Menu(string user) => $"Menu of {user}";
    public virtual string Docs => "API";
    public virtual string Theme => "Colours";
    public virtual string ThemeLight => "Light";
    public virtual string ThemeDark => "Dark";
    public virtual string ThemeSystem => "System";
    public virtual string Copied => "Copied";
    public virtual string CopyDigest => "Copy the digest";
    public virtual string CopyCommand => "Copy the command";
    public virtual string Keys => "Keys";
    public virtual string KeyRows => "Next and previous row";
    public virtual string KeySelect => "Select the row";
    public virtual string KeyHelp => "This list";
    public virtual string Close => "Close";

    // Pages of lists
    public virtual string First => "First page";
    public virtual string Next => "Next page";
    public virtual string Pages => "Pages";

    // Problems
    public virtual string ProblemTitle(int status) => status switch
    {
        401 => "Sign in to see this",
        403 => "You may not see this",
        404 => "There is nothing here",
        429 => "Too many requests",
        503 or 507 => "The registry's storage does not answer",
        >= 500 => "Something went wrong",
        _ => "That did not work",
    };

    public virtual string ChangeRefused => "You may not do this";

    /// <summary>What right is needed for what was refused, and who can give it.</summary>
    public virtual string RightAdvice(ApiRight? right) => right switch
    {
        ApiRight.Push => "This needs the role writer, which an owner of the namespace or an administrator can give.",
        ApiRight.Delete or ApiRight.Manage =>
            "This needs the role maintainer, which an owner of the namespace or an administrator can give.",
        ApiRight.Owner =>
            "This needs the role owner of the organization, which its owners and administrators can give.",
        ApiRight.Member => "This is for members of the organization. Its owners, and administrators, can add you.",
        ApiRight.Administrator => "One of them can do it for you, or make you an administrator.",
        ApiRight.Staff => "An administrator can make you one of them.",
        ApiRight.Self or ApiRight.Account =>
            "This needs an account of your own, and a password or a token without limits.",
        ApiRight.Recent => "Sign in again in this browser, then try again.",
        _ => "An owner of the namespace or an administrator can give you the role that you need.",
    };

    public virtual string ProblemAdvice(int status) => status switch
    {
        404 => "It may have been deleted or renamed, or you may not see it. If you have another account, sign in.",
        429 => "Wait a moment, then reload the page.",
        503 or 507 =>
            "Images that are stored are safe. Try again in a moment; administrators find the cause in the log.",
        >= 500 => "Try again. If it stays, tell an administrator this request's id: the log has the cause under it.",
        _ => "Go back, and try again.",
    };

    public virtual string SignedOutTitle => "You were signed out before you sent this";

    public virtual string SignedOutText =>
        "Nothing was changed, and what you wrote is still here: sign in in another tab, come back to this one, and "
        + "send it again.";

    public virtual string SignInInNewTab => "Sign in (new tab)";

    public virtual string SendAgain => "Send again";

    public virtual string RequestId(string id) => $"Request {id}";
    public virtual string ToHome => "To the front page";

    /// <summary>A size in powers of ten, as disks and clients count.</summary>
    public virtual string Size(long bytes)
    {
        double value = bytes;
        var unit = 0;
        while (value >= 999.5 && unit < Units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        var form = unit == 0 || value >= 99.95 ? "0" : "0.0";
        return $"{value.ToString(form, Numbers)} {Units[unit]}";
    }

    public virtual string Bytes(long bytes) => $"{Whole(bytes)} bytes";

    public virtual string Whole(long count) => count.ToString("N0", Numbers);

    /// <summary>A large number in three digits.</summary>
    public virtual string Short(long count) => count switch
    {
        < 1000 => Whole(count),
        < 999_500 => $"{(count / 1000d).ToString(count < 99_950 ? "0.0" : "0", Numbers)} k",
        < 999_500_000 => $"{(count / 1e6).ToString(count < 99_950_000 ? "0.0" : "0", Numbers)} M",
        _ => $"{(count / 1e9).ToString("0.0", Numbers)} G",
    };

    /// <summary>How long ago something was, or how soon it will be.</summary>
    public virtual string Ago(TimeSpan age)
    {
        if (age < TimeSpan.FromSeconds(-1)) return $"in {Span(-age)}";
        return age < TimeSpan.FromSeconds(10) ? "just now" : $"{Span(age)} ago";
    }

    /// <summary>Whether it is the epoch of Unix or of ZIP, which builds that are to be repeatable are given.</summary>
    public virtual bool IsFixed(DateTimeOffset at) => at.Year < 1981;

    /// <summary>How long ago something was; of a time that stands for none, its date.</summary>
    public virtual string AgeOrDate(DateTimeOffset at, DateTimeOffset now) =>
        IsFixed(at) ? at.UtcDateTime.ToString("yyyy-MM-dd", Numbers) : Ago(now - at);

    private string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 90 } => $"{(int)span.TotalSeconds} s",
        { TotalMinutes: < 90 } => $"{(int)Math.Round(span.TotalMinutes)} min",
        { TotalHours: < 36 } => $"{(int)Math.Round(span.TotalHours)} h",
        { TotalDays: < 60 } => $"{(int)Math.Round(span.TotalDays)} days",
        { TotalDays: < 700 } => $"{(int)Math.Round(span.TotalDays / 30.44)} months",
        { TotalDays: < 3600 } => $"{(span.TotalDays / 365.25).ToString("0.#", Numbers)} years",
        _ => $"{(int)Math.Round(span.TotalDays / 365.25)} years",
    };
}
