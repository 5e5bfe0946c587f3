namespace Berth.Settings;

/// <summary>Why Berth can't start, in one line that also says what to do about it.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
