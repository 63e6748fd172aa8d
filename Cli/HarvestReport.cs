using System.Diagnostics;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Tells how a harvest gets on: what it will write, then a line per file with speed and time left.</summary>
internal sealed class HarvestReport(Terminal terminal, string folder, Stopwatch watch) : IProgress<HarvestProgress>
{
    private HarvestProgress? _first;
    private TimeSpan _start;

    public void Report(HarvestProgress now)
    {
        if (_first is not { } first)
        {
            (_first, _start) = (now, watch.Elapsed);
            terminal.Remark($"{now.AllRows:n0} rows into {now.AllShards} files, about {ByteSize.Text(now.AllBytes)} in {folder}" + (now.Shards switch
            {
                0 => "",
                var all when all == now.AllShards => "; all are there already",
                var some => $"; {some} files ({now.Rows:n0} rows) are there already, going on",
            }));
            return;
        }
        var perSecond = (now.Rows - first.Rows) / Math.Max(1e-3, (watch.Elapsed - _start).TotalSeconds);
        var left = now.Shards == now.AllShards ? "done" : $"{TimeSpan.FromSeconds((now.AllRows - now.Rows) / perSecond):h\\:mm\\:ss} left";
        terminal.Remark($"file {now.Shards} of {now.AllShards}: {now.Rows:n0} of {now.AllRows:n0} rows, {ByteSize.Text(now.Bytes)}, {perSecond:n0} rows/s, {left}");
    }
}
