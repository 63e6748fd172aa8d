namespace Prisma.Sae;

/// <summary>How the penalty on activity moves from Σ f to Σ f^p over a run.</summary>
public sealed record AnnealOptions
{
    /// <summary>p at first.</summary>
    public double Start { get; init; } = 1;

    /// <summary>p at the end. The paper's value; towards 0 the power 1/p grows without bound.</summary>
    public double End { get; init; } = 0.2;

    /// <summary>When p begins to fall, as a share of the run.</summary>
    public double From { get; init; } = 0.15;

    /// <summary>When it would have arrived, as a share of the run.</summary>
    public double To { get; init; } = 1;

    /// <summary>Number of equally spaced settings of p, the first of which is <see cref="Start"/>.</summary>
    public int Updates { get; init; } = 10;

    /// <summary>Batches over which the penalty's size is compared when p changes.</summary>
    public int Queue { get; init; } = 10;

    /// <summary>Whether the penalty is (Σ f^p)^(1/p) rather than Σ f^p.</summary>
    public bool TakesRoot { get; init; } = true;

    internal void Validate(IList<string> faults)
    {
        if (!(Start > 0)) faults.Add($"anneal.start = {Start} must be above 0");
        if (!(End > 0)) faults.Add($"anneal.end = {End} must be above 0");
        if (!(From >= 0 && From <= To)) faults.Add($"anneal.from = {From} must be between 0 and anneal.to = {To}");
        if (Updates < 1) faults.Add($"anneal.updates = {Updates} must be at least 1");
        if (Queue < 1) faults.Add($"anneal.queue = {Queue} must be at least 1");
    }
}
