namespace Prisma.Demo;

/// <summary>What a judge said of pictures whose one trait was to change.</summary>
public sealed class SwitchScore(PictureTrait trait, double strength)
{
    private int _count, _painted, _reached, _randomReached, _randoms;
    private double _kept, _randomKept;

    /// <summary>What was to change.</summary>
    public PictureTrait Trait { get; } = trait;

    /// <summary>How strongly features were pushed.</summary>
    public double Strength { get; } = strength;

    /// <summary>The number of pictures.</summary>
    public int Count => _count;

    /// <summary>The share of unchanged pictures that show what their caption says of the trait.</summary>
    public double Painted => _painted / (double)_count;

    /// <summary>The share of changed pictures that show the new answer.</summary>
    public double Reached => _reached / (double)_count;

    /// <summary>The share of all other traits that stayed as they were in the unchanged picture.</summary>
    public double Kept => _kept / _count;

    /// <summary><see cref="Reached"/> with random features.</summary>
    public double RandomReached => _randomReached / (double)_randoms;

    /// <summary><see cref="Kept"/> with random features.</summary>
    public double RandomKept => _randomKept / _randoms;

    internal void Add(CaptionedPicture caption, int wanted, PictureAnswer before, PictureAnswer after, PictureAnswer? random)
    {
        _count++;
        if (before[Trait] == caption[Trait]) _painted++;
        if (after[Trait] == wanted) _reached++;
        _kept += KeptShare(before, after);
        if (random is null) return;
        _randoms++;
        if (random[Trait] == wanted) _randomReached++;
        _randomKept += KeptShare(before, random);
    }

    private double KeptShare(PictureAnswer before, PictureAnswer after) =>
        PictureTraits.All.Where(trait => trait != Trait).Average(trait => before[trait] == after[trait] ? 1.0 : 0.0);
}
