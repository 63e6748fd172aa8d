namespace Prisma.Demo;

/// <summary>What the one object that changes does: it moves in a direction, slowly or fast, or it comes or goes.</summary>
public enum MotionKind
{
    LeftSlowly,
    LeftFast,
    RightSlowly,
    RightFast,
    UpSlowly,
    UpFast,
    DownSlowly,
    DownFast,
    Appears,
    Disappears,
}

/// <summary>The kinds in words and in parts.</summary>
public static class MotionKinds
{
    /// <summary>Every kind, in the order of the classes.</summary>
    public static IReadOnlyList<MotionKind> All { get; } = Enum.GetValues<MotionKind>();

    /// <summary>"moves left slowly", "appears".</summary>
    public static string Text(this MotionKind kind) => kind.Direction() is null ? $"{kind}".ToLowerInvariant()
        : $"moves {(kind.Direction() switch { (-1, 0) => "left", (1, 0) => "right", (0, -1) => "up", _ => "down" })} {(kind.IsFast() ? "fast" : "slowly")}";

    /// <summary>One step to the right and downwards; null for what does not move.</summary>
    public static (int X, int Y)? Direction(this MotionKind kind) => kind switch
    {
        MotionKind.LeftSlowly or MotionKind.LeftFast => (-1, 0),
        MotionKind.RightSlowly or MotionKind.RightFast => (1, 0),
        MotionKind.UpSlowly or MotionKind.UpFast => (0, -1),
        MotionKind.DownSlowly or MotionKind.DownFast => (0, 1),
        _ => null,
    };

    /// <summary>Whether it moves fast.</summary>
    public static bool IsFast(this MotionKind kind) => kind is MotionKind.LeftFast or MotionKind.RightFast or MotionKind.UpFast or MotionKind.DownFast;
}
