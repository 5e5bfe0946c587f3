namespace Berth.Registry;

/// <summary>Undoes what a dry run has done, once it is known what that is.</summary>
internal sealed class UndoneException<T>(T result) : Exception("a dry run changes nothing")
{
    public T Result => result;
}
