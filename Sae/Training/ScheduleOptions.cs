namespace Prisma.Sae;

/// <summary>How the step size, the penalty on activity and k change over a run.</summary>
public sealed record ScheduleOptions
{
    /// <summary>Steps over which the step size rises.</summary>
    public long WarmUp { get; init; }

    /// <summary>Whether the first step of the rise has a size above zero, (step + 1)/warm_up; otherwise it is step/warm_up.</summary>
    public bool WarmUpFromOne { get; init; }

    /// <summary>The course between rise and fall.</summary>
    public ScheduleCourse Course { get; init; } = ScheduleCourse.Constant;

    /// <summary>Where the course ends, as a factor of the full step size.</summary>
    public double End { get; init; } = 0.1;

    /// <summary>Where the course ends, as a step size, in place of <see cref="End"/>.</summary>
    public double? EndRate { get; init; }

    /// <summary>Steps at the end over which the step size falls to zero.</summary>
    public long Decay { get; init; }

    /// <summary>The step at which that fall begins, in place of <see cref="Decay"/>.</summary>
    public long? DecayFrom { get; init; }

    /// <summary>Steps over which the penalty on activity rises: step / warm-up.</summary>
    public long SparsityWarmUp { get; init; }

    /// <summary>What k is multiplied by at first; falls linearly to 1.</summary>
    public double KStart { get; init; } = 1;

    /// <summary>Steps over which k falls to its value.</summary>
    public long KSteps { get; init; }

    /// <summary>Steps before the whole rise begins anew, for coders whose dead features are set anew; 0 never.</summary>
    public long RestartEvery { get; init; }

    /// <summary>The step size at a step, counted from 0.</summary>
    /// <param name="step">The step.</param>
    /// <param name="total">Steps of the run.</param>
    /// <param name="full">The full step size.</param>
    public double Rate(long step, long total, double full)
    {
        if (RestartEvery > 0) return full * Rise(step % RestartEvery) * Fall(step, total, full);
        return full * (step < WarmUp ? Rise(step) : Fall(step, total, full));
    }

    /// <summary>The factor of the penalty on activity.</summary>
    public double Sparsity(long step) => SparsityWarmUp > 0 ? Math.Min(1, step / (double)SparsityWarmUp) : 1;

    /// <summary>The factor of k.</summary>
    public double K(long step) => KSteps > 0 && step < KSteps ? Math.Max(1, KStart + (1 - KStart) * step / KSteps) : 1;

    internal void Validate(IList<string> faults)
    {
        if (WarmUp < 0 || Decay < 0 || SparsityWarmUp < 0 || KSteps < 0 || RestartEvery < 0 || DecayFrom < 0) faults.Add("schedule: numbers of steps must not be negative");
        if (EndRate < 0) faults.Add($"schedule.end_rate = {EndRate} must not be negative");
        if (!(End >= 0)) faults.Add($"schedule.end = {End} must not be negative");
        if (!(KStart >= 1)) faults.Add($"schedule.k_start = {KStart} must be at least 1: k falls to its value");
    }

    private double Rise(long step) => WarmUp == 0 ? 1 : Math.Min(1, (step + (WarmUpFromOne ? 1.0 : 0)) / WarmUp);

    private double Fall(long step, long total, double full)
    {
        var fallsFrom = DecayFrom ?? total - Decay;
        if (step < fallsFrom || fallsFrom >= total) return Middle(step - WarmUp, Math.Max(1, fallsFrom - WarmUp), full);
        return Middle(fallsFrom - WarmUp, Math.Max(1, fallsFrom - WarmUp), full) * Math.Max(0, total - step) / (total - fallsFrom);
    }

    private double Middle(long step, long steps, double full)
    {
        var done = Math.Clamp(step / (double)steps, 0, 1);
        var end = EndRate / full ?? End;
        return Course switch
        {
            ScheduleCourse.Linear => 1 + (end - 1) * done,
            ScheduleCourse.Cosine => end + (1 - end) * (1 + Math.Cos(Math.PI * done)) / 2,
            _ => 1,
        };
    }
}
