namespace Prisma.Circuits;

/// <summary>How edges are scored.</summary>
public enum EdgeMethod
{
    /// <summary>EAP: gradients of the clean run (Syed et al. 2023).</summary>
    Gradient,
    /// <summary>The mean of the gradients of the clean and the corrupted run.</summary>
    BothEnds,
    /// <summary>EAP-IG: the mean gradient on the way from the corrupted stream before the first block to the clean one (Hanna et al. 2024).</summary>
    Integrated,
    /// <summary>
    /// EAP-IG on activations: the same with one writer after another on the way from its corrupted to its clean value while the rest of the
    /// run is clean; as many passes more as there are places that write.
    /// </summary>
    Activations,
    /// <summary>Each edge patched by itself: exact, one pass per edge.</summary>
    Exact,
}
