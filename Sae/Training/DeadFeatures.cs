using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Counts for how long each feature has been silent. Owns its counters.</summary>
public sealed class DeadFeatures : IDisposable
{
    private readonly DeadOptions _options;
    private Tensor _mask;
    private bool _noted, _fixed;

    /// <summary>Every feature has just fired.</summary>
    public DeadFeatures(DeadOptions options, int features)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        Silent = zeros(features, int64).DetachFromDisposeScope();
        Fired = zeros(features, int64).DetachFromDisposeScope();
        _mask = zeros(features, ScalarType.Bool).DetachFromDisposeScope();
    }

    /// <summary>The counters: int64 [F]. Borrowed; written when a run is resumed.</summary>
    public Tensor Silent { get; }

    /// <summary>The dead features of this step: bool [F]. Borrowed.</summary>
    public Tensor Mask => _mask;

    /// <summary>In how many rows each feature has fired since the start: int64 [F]. Borrowed.</summary>
    public Tensor Fired { get; }

    /// <summary>Says once and for all which features are dead, whatever fires: bool [F]. For comparisons with a reference that was given them.</summary>
    public void Fix(Tensor mask)
    {
        ArgumentNullException.ThrowIfNull(mask);
        _mask.Dispose();
        _mask = mask.to(ScalarType.Bool).clone().DetachFromDisposeScope();
        _fixed = true;
    }

    /// <summary>Called when a step begins.</summary>
    internal void Begin()
    {
        _noted = false;
        if (!_options.SeesOwnStep) Renew();
    }

    /// <summary>Told once for every part of a step what fired: codes [n, F].</summary>
    public void Note(Tensor codes)
    {
        ArgumentNullException.ThrowIfNull(codes);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        NoteCounts(codes.detach().abs().gt(_options.FiresAbove).sum([0L]), codes.shape[0]);
    }

    /// <summary>Told once for every part of a step what fired: entries with their values [E].</summary>
    internal void NoteEntries(SparseEntries entries, Tensor values)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        NoteCounts(entries.Counts(values.detach().abs().gt(_options.FiresAbove)), entries.Rows.Rows);
    }

    /// <summary>Told once for every part of a step in how many rows each feature fired: int64 [F].</summary>
    public void NoteCounts(Tensor counts, long rows)
    {
        ArgumentNullException.ThrowIfNull(counts);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        Fired.add_(counts);
        var fired = counts.gt(0);
        var unit = _options.Unit == DeadUnit.Rows ? rows : _noted ? 0 : 1;
        _noted = true;
        if (_options.CountsFiringStep) Silent.masked_fill_(fired, 0).add_(unit);
        else Silent.add_(unit).masked_fill_(fired, 0);
        if (_options.SeesOwnStep) Renew();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Silent.Dispose();
        Fired.Dispose();
        _mask.Dispose();
    }

    private void Renew()
    {
        if (_fixed) return;
        _mask.Dispose();
        _mask = (_options.Strict ? Silent.gt(_options.After) : Silent.ge(_options.After)).DetachFromDisposeScope();
    }
}
