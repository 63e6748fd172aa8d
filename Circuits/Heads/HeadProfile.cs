namespace Prisma.Circuits;

/// <summary>What one attention head looks at, mean over pictures. Shares are of attention; queries are the patches unless said.</summary>
public sealed record HeadProfile
{
    /// <summary>The block.</summary>
    public required int Layer { get; init; }

    /// <summary>The head.</summary>
    public required int Head { get; init; }

    /// <summary>Share that goes to tokens without a place: class token and registers.</summary>
    public required double ToPrefix { get; init; }

    /// <summary>Entropy of what the first such token sends to patches, over its largest value ln N: 1 where it looks everywhere alike; NaN without such a token.</summary>
    public required double PrefixEntropy { get; init; }

    /// <summary>Share of a patch on itself.</summary>
    public required double Self { get; init; }

    /// <summary>Mean distance of what a patch looks at, over that of even attention: below 1 is local.</summary>
    public required double Distance { get; init; }

    /// <summary>The neighbour at one to two patches that gets most, as rows down and columns right.</summary>
    public required (int Rows, int Columns) Neighbour { get; init; }

    /// <summary>The share that this neighbour gets, over patches that have it.</summary>
    public required double NeighbourShare { get; init; }

    /// <summary>Share on the own row (itself left out) minus that of even attention.</summary>
    public required double Row { get; init; }

    /// <summary>Share on the own column (itself left out) minus that of even attention.</summary>
    public required double Column { get; init; }

    /// <summary>Share on the four corners over that of even attention.</summary>
    public required double Corner { get; init; }

    /// <summary>Share on the outermost patches over that of even attention.</summary>
    public required double Border { get; init; }

    /// <summary>The largest mean share that a single patch gets.</summary>
    public required double Sink { get; init; }

    /// <summary>How much of the patterns' variation is the same in all pictures: 1 where the head looks at places, whatever is there.</summary>
    public required double Positional { get; init; }

    /// <summary>What kind of head this is, by <see cref="HeadKinds.Rules"/>.</summary>
    public string Kind => HeadKinds.Of(this);
}
