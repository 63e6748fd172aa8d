using System.Diagnostics;

namespace Prisma.Core;

/// <summary>Adds up what arrives on several connections and tells it ten times a second at most.</summary>
internal sealed class HubMeter(IProgress<HubProgress>? progress, int files, long total)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _said = TimeSpan.MinValue;
    private long _bytes, _arrived;
    private int _done;

    /// <summary>Bytes that were there already; negative where they had to be thrown away.</summary>
    internal void Found(string file, long bytes) => Change(file, () => _bytes += bytes, now: false);

    internal void Arrived(string file, long bytes) => Change(file, () => (_bytes, _arrived) = (_bytes + bytes, _arrived + bytes), now: false);

    internal void Done(string file) => Change(file, () => _done++, now: true);

    internal void Waits(string file) => Change(file, () => { }, now: true, waits: true);

    private void Change(string file, Action change, bool now, bool waits = false)
    {
        lock (_gate)
        {
            change();
            if (progress is null || (!now && _said > _watch.Elapsed - s_pause)) return;
            _said = _watch.Elapsed;
            var speed = _arrived / Math.Max(1e-3, _watch.Elapsed.TotalSeconds);
            var left = speed > 0 ? TimeSpan.FromSeconds((total - _bytes) / speed) : (TimeSpan?)null;
            progress.Report(new HubProgress(file, _done, files, _bytes, total, speed, left, waits));
        }
    }
}
