using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The tensors of a file as examples, one for each step of their first axis; the names are the model's inputs. Owns the source.</summary>
public sealed class TensorInputs : IModelInputs, IDisposable
{
    private readonly TensorSource _source;

    /// <summary>Takes over a source whose tensors all have the same number of examples on their first axis.</summary>
    /// <exception cref="ShapeException">They have not, or there are none.</exception>
    public TensorInputs(TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        var counts = source.Tensors.Select(tensor => tensor.Shape.Count == 0 ? 0 : tensor.Shape[0]).Distinct().ToList();
        if (counts.Count != 1 || counts[0] is < 1 or > int.MaxValue)
            throw new ShapeException($"'{source.Path}' must hold tensors with the same number of examples on their first axis; it holds {(source.Tensors.Count == 0 ? "none" : string.Join(", ", source.Tensors))}.");
        Count = (int)counts[0];
        Fingerprint = $"tensors {Digest(source)}";
    }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public string NameOf(int example) => $"row {example} of {_source.Path}";

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var made = new List<Tensor>();
        try
        {
            var input = new ModelInput();
            foreach (var stored in _source.Tensors)
            {
                made.Add(empty([examples.Count, .. stored.Shape.Skip(1)], stored.Type.NativeType()).DetachFromDisposeScope());
                Fill(made[^1], stored, examples);
                input.Add(stored.Name, made[^1]);
            }
            return input;
        }
        catch
        {
            foreach (var tensor in made) tensor.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    // Neighbours are read in one piece.
    private static void Fill(Tensor target, StoredTensor stored, IReadOnlyList<int> examples)
    {
        for (int at = 0, length; at < examples.Count; at += length)
        {
            for (length = 1; at + length < examples.Count && examples[at + length] == examples[at] + length;) length++;
            using var part = target.narrow(0, at, length);
            stored.Rows(examples[at], length).ReadInto(part);
        }
    }

    private static string Digest(TensorSource source)
    {
        using var sha = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
            foreach (var tensor in source.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
            {
                stream.Write(Encoding.UTF8.GetBytes(tensor.ToString()));
                tensor.CopyTo(stream);
            }
        return Convert.ToHexStringLower(sha.Hash!)[..16];
    }
}
