using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>The options that choose frames of a video.</summary>
internal sealed class ClipOptions
{
    private const int FramesOfPictureModels = 16;

    private readonly Option<int?> _frames = new("--frames") { HelpName = "N", Description = "Of a video: how many frames (default: the model's own number; 16 for models of single pictures)" };
    private readonly Option<int?> _stride = new("--stride") { HelpName = "N", Description = "Of a video: from a frame to the next (default: spread evenly over the whole)" };
    private readonly Option<int> _start = new("--start") { HelpName = "N", Description = "Of a video: the first frame" };

    internal ClipOptions(Command command)
    {
        command.Options.Add(_frames);
        command.Options.Add(_stride);
        command.Options.Add(_start);
    }

    /// <summary>Which frames a model shall see.</summary>
    internal FrameSampling Read(ParseResult parsed, HookedModel model) =>
        Read(parsed, (model as IVideoModel)?.ClipFrames ?? FramesOfPictureModels);

    internal FrameSampling Read(ParseResult parsed, int frames) =>
        new() { Frames = parsed.GetValue(_frames) ?? frames, Stride = parsed.GetValue(_stride), Start = parsed.GetValue(_start) };

    internal int? Frames(ParseResult parsed) => parsed.GetValue(_frames);
}
