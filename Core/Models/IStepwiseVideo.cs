namespace Prisma.Core;

/// <summary>
/// A model of clips in two stacks: the first reads the tubelets of each time step alone, behind a token that gathers them, steps on the batch
/// axis, [B·T, 1 + h·w, d]; the second reads these tokens of all steps behind one of its own, [B, 1 + T, d].
/// </summary>
public interface IStepwiseVideo : IVideoModel
{
    /// <summary>The part that reads single time steps.</summary>
    string StepPart { get; }

    /// <summary>The part that reads the steps.</summary>
    string ClipPart { get; }
}
