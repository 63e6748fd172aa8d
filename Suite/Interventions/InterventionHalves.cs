namespace Prisma;

/// <summary>Which passes of a guided run an intervention acts on.</summary>
public enum InterventionHalves
{
    /// <summary>Those that see the prompt.</summary>
    Conditional,
    /// <summary>Both, in the same way.</summary>
    Both,
    /// <summary>Both: what is added where the prompt is seen is taken away where the negative prompt is.</summary>
    Opposed,
}
