namespace Prisma.Demo;

/// <summary>A drawn clip: one object changes, another stays, over a ground. What is in it, not its pixels, so that it can be painted at any size.</summary>
public sealed record MotionClip
{
    /// <summary>Frames of every clip.</summary>
    public const int Frames = 8;

    private const float SmallestRadius = 8, LargestRadius = 11, SlowFrom = 1, SlowTo = 1.8f, FastFrom = 3.4f, FastTo = 4.6f;
    private const int FirstChange = 2, LastChange = 6;

    /// <summary>The seed that draws this clip again.</summary>
    public required ulong Seed { get; init; }

    /// <summary>What happens.</summary>
    public required MotionKind Kind { get; init; }

    /// <summary>The scene of each frame.</summary>
    public required IReadOnlyList<Scene> Scenes { get; init; }

    /// <summary>The object that changes as it is in a frame; null where it is not there.</summary>
    public SceneObject? ChangingIn(int frame) => Scenes[frame].Objects is [_, var changing] ? changing : null;

    /// <summary>The clip of a seed: the same on every machine.</summary>
    public static MotionClip Draw(ulong seed)
    {
        // Ground and looks come from the scene of the same seed; places are drawn anew.
        Scene still = SceneGenerator.Draw(seed);
        var random = new SceneRandom(~seed);
        MotionKind kind = random.NextOf([.. MotionKinds.All]);
        int changing = random.NextBelow(still.Objects.Count), other = (changing + 1) % still.Objects.Count;
        SceneObject resting = Placed(random, still.Objects[other]), moving = Placed(random, still.Objects[changing]);
        (int X, int Y) direction = kind.Direction() ?? (0, 0);
        float speed = kind.IsFast() ? random.NextBetween(FastFrom, FastTo) : random.NextBetween(SlowFrom, SlowTo), way = speed * (Frames - 1);
        moving = moving with { X = Start(random, moving, direction.X, way), Y = Start(random, moving, direction.Y, way) };
        int change = FirstChange + random.NextBelow(LastChange - FirstChange);
        var scenes = new Scene[Frames];
        for (int frame = 0; frame < Frames; frame++)
        {
            SceneObject now = moving with { X = moving.X + direction.X * speed * frame, Y = moving.Y + direction.Y * speed * frame };
            bool there = kind switch { MotionKind.Appears => frame >= change, MotionKind.Disappears => frame < change, _ => true };
            scenes[frame] = still with { Objects = there ? [resting, now] : [resting] };
        }
        return new MotionClip { Seed = seed, Kind = kind, Scenes = scenes };
    }

    private static SceneObject Placed(SceneRandom random, SceneObject item)
    {
        float radius = random.NextBetween(SmallestRadius, LargestRadius);
        return item with { Radius = radius, X = random.NextBetween(radius, Scene.Width - radius), Y = random.NextBetween(radius, Scene.Width - radius) };
    }

    // Anywhere from where the whole way stays within the picture.
    private static float Start(SceneRandom random, SceneObject item, int direction, float way)
    {
        float low = item.Radius + (direction < 0 ? way : 0), high = Scene.Width - item.Radius - (direction > 0 ? way : 0);
        return random.NextBetween(low, high);
    }
}
