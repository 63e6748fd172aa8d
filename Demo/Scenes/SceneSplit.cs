namespace Prisma.Demo;

/// <summary>Which scenes serve which purpose. No seed belongs to two splits, so what is scored was never trained on or chosen by.</summary>
public enum SceneSplit
{
    /// <summary>What models and sparse coders are trained on.</summary>
    Training = 1,

    /// <summary>What their accuracy is measured on.</summary>
    HeldOut = 2,

    /// <summary>What a heatmap method is chosen on.</summary>
    Choosing = 3,

    /// <summary>What the chosen method is scored on.</summary>
    Scoring = 4,
}

/// <summary>The seeds of the splits.</summary>
public static class SceneSplits
{
    /// <summary>The seed of scene number <paramref name="index"/> (from 0, below 2^40) of the split.</summary>
    public static ulong Seed(this SceneSplit split, long index) => ((ulong)split << 40) + (ulong)index;

    /// <summary>The scenes <paramref name="first"/> … <paramref name="first"/> + <paramref name="count"/> − 1 of the split, drawn one by one.</summary>
    public static IEnumerable<Scene> Scenes(this SceneSplit split, int count, long first = 0)
    {
        for (long i = first; i < first + count; i++) yield return SceneGenerator.Draw(split.Seed(i));
    }
}
