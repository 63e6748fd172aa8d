using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Contributions to a residual stream with their names, on a new first axis. Owns the tensor; dispose it.</summary>
public sealed class ResidualParts : IDisposable
{
    internal ResidualParts(Tensor values, IReadOnlyList<string> labels)
    {
        Values = values.DetachFromDisposeScope();
        Labels = labels;
    }

    /// <summary>[parts, ...], the rest as the stream was kept: [B, P, d] unless positions were cut. Borrowed.</summary>
    public Tensor Values { get; }

    /// <summary>One name per part: <c>3_attn_out</c>, <c>L3H0</c>, <c>4_pre</c>.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>The part of that name. The caller (or its scope) disposes it.</summary>
    /// <exception cref="PrismaException">There is none; the message lists them.</exception>
    public Tensor this[string label]
    {
        get
        {
            for (var k = 0; k < Labels.Count; k++)
                if (Labels[k] == label) return Values.select(0, k);
            throw new PrismaException($"There is no part '{label}'. Parts: {string.Join(", ", Labels)}.");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Values.Dispose();
}
