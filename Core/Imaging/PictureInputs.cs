using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Prisma.Core;

/// <summary>
/// Pictures as examples, prepared as the checkpoint says; those of one batch are decoded by all cores. They come from files, folders, patterns, lists
/// (.txt, .lst), tar archives (WebDataset), whose pictures are taken from where they lie, so that any order costs the same, and Parquet tables, which
/// are best taken in order. Work is taken up anywhere.
/// </summary>
public sealed class PictureInputs : IModelInputs
{
    private readonly IReadOnlyList<PictureEntry> _pictures;
    private readonly Preprocess _preprocess;

    /// <summary>Finds the pictures; nothing is decoded yet.</summary>
    /// <exception cref="PrismaException">A name leads to nothing.</exception>
    public PictureInputs(IEnumerable<string> named, Preprocess preprocess)
    {
        ArgumentNullException.ThrowIfNull(preprocess);
        (_pictures, _preprocess) = (PictureSources.Find(named), preprocess);
        Fingerprint = $"pictures {Digest()}";
    }

    /// <inheritdoc/>
    public int Count => _pictures.Count;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public string NameOf(int example) => _pictures[example].Name;

    /// <summary>One picture as it is, decoded now.</summary>
    /// <exception cref="PrismaException">It cannot be read, or is no picture.</exception>
    public RgbImage PictureOf(int example) => _pictures[example].Load();

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var prepared = new PreparedImage[examples.Count];
        try
        {
            Parallel.For(0, prepared.Length, k => prepared[k] = _preprocess.Apply(_pictures[examples[k]].Load()));
        }
        catch (AggregateException several) when (several.InnerExceptions[0] is PrismaException)
        {
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);
        }
        return PreparedImage.Stack(prepared).DetachFromDisposeScope();
    }

    // Names and sizes tell files apart well enough; reading them all would cost as much as the work.
    private string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{_preprocess.Resize}\n{_preprocess.Crop}\n"));
        hash.AppendData(MemoryMarshal.AsBytes(_preprocess.Scaling.Table().AsSpan()));
        foreach (var picture in _pictures) hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(picture.Name)}\n{picture.Length}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
