namespace Prisma.Sae;

/// <summary>The course of the step size between its rise and its fall.</summary>
public enum ScheduleCourse
{
    /// <summary>Full size.</summary>
    Constant,

    /// <summary>Linearly to the end value.</summary>
    Linear,

    /// <summary>Half a cosine to the end value.</summary>
    Cosine,
}
