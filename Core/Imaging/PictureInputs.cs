using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Prisma.Core;

/// <summary>Picture files as examples, prepared as the checkpoint says; the pictures of one batch are decoded by all cores.</summary>
public sealed class PictureInputs : IModelInputs
{
    private readonly IReadOnlyList<string> _files;
    private readonly Preprocess _preprocess;

    /// <summary>Finds the files; nothing is decoded yet.</summary>
    /// <exception cref="PrismaException">A name leads to nothing.</exception>
    public PictureInputs(IEnumerable<string> named, Preprocess preprocess)
    {
        ArgumentNullException.ThrowIfNull(preprocess);
        (_files, _preprocess) = (PictureFiles.Find(named), preprocess);
        Fingerprint = $"pictures {Digest()}";
    }

    /// <inheritdoc/>
    public int Count => _files.Count;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public string NameOf(int example) => _files[example];

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var prepared = new PreparedImage[examples.Count];
        try
        {
            Parallel.For(0, prepared.Length, k => prepared[k] = _preprocess.Apply(RgbImage.Load(_files[examples[k]])));
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
        foreach (var file in _files) hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetFileName(file)}\n{new FileInfo(file).Length}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
