namespace Prisma.Cli;

/// <summary>Progress that is reported on the caller's thread and in order, unlike <see cref="Progress{T}"/>'s.</summary>
internal sealed class Reports<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
