namespace Prisma.Sae;

/// <summary>
/// The sizes of a coder that is trained. Several sites lie side by side in one row: a crosscoder over S layers reads [rows, S·d] and writes as
/// much; a transcoder's inputs and outputs differ.
/// </summary>
/// <param name="Inputs">Widths of the sites it reads.</param>
/// <param name="Features">Number of features, d_sae.</param>
/// <param name="Outputs">Widths of the sites it writes.</param>
public sealed record CoderShape(IReadOnlyList<int> Inputs, int Features, IReadOnlyList<int> Outputs)
{
    /// <summary>A coder of one site that is its own target.</summary>
    public CoderShape(int width, int features) : this([width], features, [width]) { }

    /// <summary>Width of all it reads.</summary>
    public int Width => Inputs.Sum();

    /// <summary>Width of all it writes.</summary>
    public int OutputWidth => Outputs.Sum();
}
