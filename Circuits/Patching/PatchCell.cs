using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One change of one value in a forward pass: what stands at a place is replaced in part. Borrows what it puts there.</summary>
/// <param name="Site">The place, as the model names it.</param>
public abstract record PatchCell(HookSite Site)
{
    /// <summary>Writes the change into a private copy of the value, [B, …]. Called within a scope and without gradients.</summary>
    public abstract void Write(Tensor rows);
}
