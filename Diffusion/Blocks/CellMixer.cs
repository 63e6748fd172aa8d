using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What lets the cells of [B, C, h, w] see each other, and the text where there is one; its result is added to what it read.</summary>
internal abstract class CellMixer : Module
{
    internal abstract Tensor Forward(Tensor x, Tensor? text, HookRun run);
}
