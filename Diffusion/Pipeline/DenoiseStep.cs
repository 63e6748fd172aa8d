namespace Prisma.Diffusion;

/// <summary>One pass of the U-net in a run, for plans to choose by.</summary>
/// <param name="Index">The number of the step in the run, from 0.</param>
/// <param name="Count">The number of steps.</param>
/// <param name="Timestep">The time step.</param>
/// <param name="IsConditional">Whether the pass sees the prompt; with guidance each step has another pass that sees the negative prompt.</param>
public readonly record struct DenoiseStep(int Index, int Count, double Timestep, bool IsConditional);
