using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// Attention of one new token of each text over keys and values in memory, in one call: composed of tensor operators it takes twenty, each of
/// which costs more than its arithmetic.
/// </summary>
internal static partial class TokenAttention
{
    // Below this many numbers in memory a second thread costs more than it does.
    private const long WorthAThread = 1 << 17;

    /// <summary>Whether the kernel can do it: float32 or bfloat16 on the CPU, one token, no gradient to record.</summary>
    internal static bool Suits(Tensor q, Tensor k, Tensor v)
    {
        if (q.shape[1] != 1) return false;
        var (ofQ, ofK, ofV) = (Extras.Facts(q), Extras.Facts(k), Extras.Facts(v));
        return ofQ.Device == DeviceType.CPU && ofQ.Type is ScalarType.Float32 or ScalarType.BFloat16 && ofK.Type == ofQ.Type && ofV.Type == ofQ.Type
            && !(is_grad_enabled() && (ofQ.NeedsGradient || ofK.NeedsGradient || ofV.NeedsGradient));
    }

    /// <summary>
    /// Writes the new keys and values behind those in memory, then attends: z [B, 1, H, k]. The caller disposes it.
    /// </summary>
    /// <param name="q">[B, 1, H, k].</param>
    /// <param name="k">[B, 1, KH, k].</param>
    /// <param name="v">[B, 1, KH, k].</param>
    /// <param name="keys">[B, KH, room, k], dense; written to.</param>
    /// <param name="values">Likewise.</param>
    /// <param name="before">The tokens in memory; fewer than the room.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="cap">c of c·tanh(score / c); none where null.</param>
    /// <param name="window">How many tokens back are seen, the new one included; all where null.</param>
    internal static Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor keys, Tensor values, long before, double scale, double? cap, long? window)
    {
        var (shape, held) = (q.shape, keys.shape);
        var (keyHeads, room) = (held[1], held[2]);
        using var scope = NewDisposeScope();
        var (query, key, value) = (Dense(q), Dense(k), Dense(v));
        var type = q.dtype;
        var z = empty(shape, type);
        var status = One(Extras.Address(query), Extras.Address(key), Extras.Address(value), Extras.Address(keys), Extras.Address(values),
            shape[0], shape[2], keyHeads, shape[3], before, room, (float)scale, (float)(cap ?? 0), window ?? 0, type == ScalarType.BFloat16 ? 1 : 0, Extras.Address(z),
            held[0] * keyHeads * held[3] * (before + 1) < WorthAThread ? 1 : get_num_threads());
        GC.KeepAlive((query, key, value, keys, values));
        if (status == 2) throw new InsufficientMemoryException("Attention over the tokens in memory needs more memory than there is.");
        if (status != 0) throw new ArgumentException($"Queries [{string.Join(", ", shape)}] do not fit the memory [{string.Join(", ", held)}] behind {before} tokens (status {status}).");
        return z.MoveToOuterDisposeScope();
    }

    private static Tensor Dense(Tensor x) => x.is_contiguous() ? x : x.contiguous();

    [LibraryImport("prisma_kernels", EntryPoint = "prisma_attend_one")]
    private static partial int One(nint q, nint k, nint v, nint keys, nint values, long batch, long heads, long keyHeads, long width, long before, long room,
        float scale, float cap, long window, int half, nint z, int threads);
}
