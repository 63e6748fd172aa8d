using System.Security.Cryptography;
using System.Text;

namespace Prisma.Core;

/// <summary>Names the weights that a model really runs with, however they were loaded or processed.</summary>
public static class WeightDigest
{
    private const long Piece = 1L << 24;

    /// <summary>Sixteen hexadecimal digits of the SHA-256 of every weight's name, type and values.</summary>
    public static string Of(HookedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, weight) in model.Weights)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var values = weight.Value.detach().cpu().contiguous().reshape(-1);
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {values.dtype} [{string.Join(", ", weight.Shape)}]"));
            for (long start = 0; start < values.numel(); start += Piece)
            {
                using var piece = values.narrow(0, start, Math.Min(Piece, values.numel() - start));
                hash.AppendData(piece.bytes);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
