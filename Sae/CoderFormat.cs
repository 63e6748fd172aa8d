namespace Prisma.Sae;

/// <summary>One library's way of storing coders. Found by the catalog through reflection; nothing is registered anywhere else.</summary>
public abstract class CoderFormat
{
    /// <summary>The name for messages.</summary>
    public abstract string Name { get; }

    /// <summary>The coders of this format in a folder (its own files, not those of folders below), recognised by names and contents.</summary>
    public abstract IEnumerable<CoderCandidate> Claims(CoderFolder folder);

    /// <summary>Reads a coder that this format claimed. The caller disposes it.</summary>
    /// <exception cref="Core.CheckpointException">The files are damaged, contradict each other or leave something open.</exception>
    public abstract ICoder Read(CoderCandidate candidate, CoderOptions options);
}
