namespace Prisma.Demo;

/// <summary>What a judge said of pictures whose one trait was to change.</summary>
public sealed class SwitchScore(PictureTrait trait)
{
    private readonly int[] _painted = new int[PictureTraits.All.Count];
    private int _count, _reached, _randomReached, _others, _kept, _randomKept;

    /// <summary>What was to change.</summary>
    public PictureTrait Trait { get; } = trait;

    /// <summary>The number of pictures.</summary>
    public int Count => _count;

    /// <summary>The share of unchanged pictures that show what their caption says of a trait.</summary>
    public double Painted(PictureTrait trait) => _painted[(int)trait] / (double)_count;

    /// <summary>The share of changed pictures that show the new answer.</summary>
    public double Reached => _reached / (double)_count;

    /// <summary>Of the other traits that unchanged pictures show as captions say, the share that stayed.</summary>
    public double Kept => _kept / (double)_others;

    /// <summary><see cref="Reached"/> with random features.</summary>
    public double RandomReached => _randomReached / (double)_count;

    /// <summary><see cref="Kept"/> with random features.</summary>
    public double RandomKept => _randomKept / (double)_others;

    internal void Add(CaptionedPicture caption, int wanted, PictureAnswer before, PictureAnswer after, PictureAnswer random)
    {
        _count++;
        if (after[Trait] == wanted) _reached++;
        if (random[Trait] == wanted) _randomReached++;
        foreach (PictureTrait trait in PictureTraits.All.Where(trait => before[trait] == caption[trait]))
        {
            _painted[(int)trait]++;
            if (trait == Trait) continue;
            _others++;
            if (after[trait] == before[trait]) _kept++;
            if (random[trait] == before[trait]) _randomKept++;
        }
    }
}
