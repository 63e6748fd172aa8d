namespace Prisma.Vision;

/// <summary>What only Swin V2's configuration says.</summary>
public sealed record SwinV2Options
{
    /// <summary>The side of the windows of each stage in pre-training, which distances are told by; 0 where it is the window itself.</summary>
    public required IReadOnlyList<int> PretrainedWindows { get; init; }
}
