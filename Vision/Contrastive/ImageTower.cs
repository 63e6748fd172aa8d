using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>What an image tower returns.</summary>
/// <param name="LastHidden">The stream [B, P, d], normalised or not as the family's reference has it.</param>
/// <param name="Pooled">What stands for the picture [B, d]; null where nothing does.</param>
/// <param name="Projected">That in the joint space [B, e]; null where the tower has no projection.</param>
public readonly record struct TowerOutput(Tensor LastHidden, Tensor? Pooled, Tensor? Projected);

/// <summary>The image side of a model that compares pictures with texts.</summary>
public abstract class ImageTower : Module
{
    /// <summary>The width of what stands for the picture in the joint space; 0 where the tower does not reach it.</summary>
    public abstract int JointWidth { get; }

    /// <summary>The norm before the head.</summary>
    public abstract Norm FinalNorm { get; }

    /// <summary>The linear map that reads the final norm; null where there is none, or something else stands between.</summary>
    public abstract Linear? Readout { get; }

    /// <summary>The token that the head reads; null where it reads the mean of the patches.</summary>
    public abstract int? ReadToken { get; }

    /// <summary>The inputs that the tower takes, the pictures first.</summary>
    public virtual IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <summary>Runs the tower on pictures, pixel_values [B, C, H, W] unless it says otherwise.</summary>
    public abstract TowerOutput Forward(ModelInput input, HookRun run);

    /// <summary>The token grid of the pictures; null where they have not one in common.</summary>
    public abstract TokenLayout? LayoutOf(ModelInput input);
}
