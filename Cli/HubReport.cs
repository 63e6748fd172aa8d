using System.Diagnostics;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>Says how a download goes: when a file is there, and every few seconds in between.</summary>
internal sealed class HubReport(Terminal terminal) : IProgress<HubProgress>
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(3);

    private readonly Stopwatch _since = Stopwatch.StartNew();
    private int _done;
    private bool _waited;

    public void Report(HubProgress value)
    {
        if (value.Waits)
        {
            if (!_waited) terminal.Remark($"{value.File}: another process fetches it; waiting …");
            _waited = true;
            return;
        }
        if (value.FilesDone == _done && _since.Elapsed < s_pause) return;
        _done = value.FilesDone;
        _since.Restart();
        var left = value.Remaining is { TotalSeconds: >= 1 } rest ? $", {rest:h\\:mm\\:ss} left" : "";
        terminal.Remark($"{value.File}: {value.FilesDone} of {value.Files} files, {ByteSize.Text(value.Bytes)} of {ByteSize.Text(value.TotalBytes)}, {ByteSize.Text(value.BytesPerSecond)}/s{left}");
    }
}
