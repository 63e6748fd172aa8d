using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A picture whose truth is known: where the object in question lies, and where others do.</summary>
/// <param name="Pixels">[C, H, W] as the model sees it. Borrowed.</param>
/// <param name="Geometry">How it came from the original; null: the model saw it as it is.</param>
/// <param name="TargetMask">[height, width] of the original: the object that the target is about.</param>
/// <param name="OthersMask">The other objects; null: none are marked.</param>
/// <param name="Target">What is explained; null: the class that the model chose.</param>
public sealed record JudgedPicture(Tensor Pixels, ImageGeometry? Geometry, bool[] TargetMask, bool[]? OthersMask = null, Target? Target = null)
{
    /// <summary>From a map of owners, one number per pixel: 0 the ground, any other an object.</summary>
    public static JudgedPicture FromOwners(Tensor pixels, ImageGeometry? geometry, ReadOnlySpan<byte> owners, byte owner, Target? target = null)
    {
        var (own, others) = (new bool[owners.Length], new bool[owners.Length]);
        for (var k = 0; k < owners.Length; k++) (own[k], others[k]) = (owners[k] == owner, owners[k] != owner && owners[k] != 0);
        return new JudgedPicture(pixels, geometry, own, others, target);
    }
}
