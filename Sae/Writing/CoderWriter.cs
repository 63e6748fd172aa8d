using Prisma.Core;

namespace Prisma.Sae;

/// <summary>One library's way of storing coders, as a target. Found by the catalog through reflection; nothing is registered anywhere else.</summary>
public abstract class CoderWriter
{
    /// <summary>The name that <c>--to</c> takes.</summary>
    public abstract string Name { get; }

    /// <summary>Why the layout cannot say this coder; null where it can.</summary>
    public abstract string? Refuses(ICoder coder);

    /// <summary>Writes the coder into a folder, which is made where it is missing. Each file appears complete or not at all.</summary>
    /// <exception cref="OptionsException">The layout cannot say the coder.</exception>
    /// <exception cref="PrismaException">A file exists, or the disk is full.</exception>
    public void Write(ICoder coder, string folder, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (Refuses(coder) is { } reason) throw new OptionsException($"{coder.Card.Name} cannot be written as {Name}: {reason}.");
        // Before anything is written: a coder is of several files.
        if (existing == ExistingFile.Refuse && Files(coder).Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists) is { } there)
            throw new OptionsException($"'{there}' exists. Choose another folder, or replace it with --force.");
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var frozen = TorchSharp.torch.no_grad();
        WriteInto(folder, coder, existing);
    }

    /// <summary>The files that are written for a coder, by their names in the folder.</summary>
    private protected abstract IEnumerable<string> Files(ICoder coder);

    /// <summary>Writes a coder that is not refused, within a scope; the configuration last, so that weights alone are no coder.</summary>
    private protected abstract void WriteInto(string folder, ICoder coder, ExistingFile existing);
}
