using Prisma.Core;

namespace Prisma.Tests;

/// <summary>Stored tensors made by hand, and their comparison.</summary>
internal static class Stored
{
    public static StoredTensor Of(string name, StoredType type, long[] shape, byte[] bytes) =>
        new(name, type, TensorLayout.Contiguous(name, shape), new MemoryBytes(name, bytes));

    /// <summary>Same names, types, shapes and bytes.</summary>
    public static void AssertSame(TensorSource want, TensorSource got)
    {
        Assert.Equal(want.Names.Order(), got.Names.Order());
        foreach (var tensor in want.Tensors)
        {
            var other = got.Get(tensor.Name);
            Assert.Equal(tensor.ToString(), other.ToString());
            Assert.Equal(tensor.ToBytes(), other.ToBytes());
        }
    }
}
