using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Random inputs for every argument of a tiny model: pictures of 16 pixels, clips of 4 such frames, latents of 16 or 8 cells, token ids below 40.</summary>
internal sealed class TinyInput : IDisposable
{
    internal TinyInput(HookedModel model)
    {
        using var generator = new Generator(11);
        Input = [];
        // Whole pictures need neither of these two.
        foreach (var name in model.InputNames.Except(["pixel_attention_mask", "spatial_shapes"]))
            Input.Add(name, name switch
            {
                _ when model is IVideoModel video && name == video.ClipInput =>
                    randn(video.ClipOrder == ClipOrder.FramesFirst ? [2, 4, 3, 16, 16] : [2, 3, 4, 16, 16], generator: generator).DetachFromDisposeScope(),
                "context_mask" => tensor(new long[] { 0, 3, 5, 9, 12, 1, 2, 7, 8, 30 }, [2, 5]).DetachFromDisposeScope(),
                "target_mask" => tensor(new long[] { 20, 4, 31, 6, 11, 13 }, [2, 3]).DetachFromDisposeScope(),
                "pixel_values" => randn(2, 3, 16, 16, generator: generator).DetachFromDisposeScope(),
                "input_ids" => randint(1, 40, [2, 7], generator: generator).DetachFromDisposeScope(),
                "attention_mask" => ones(2, 7, dtype: ScalarType.Int64).DetachFromDisposeScope(),
                "sample" => randn(2, model.InputNames.Contains("latents") ? 3 : 4, 16, 16, generator: generator).DetachFromDisposeScope(),
                "latents" => randn(2, 4, 8, 8, generator: generator).DetachFromDisposeScope(),
                "timestep" => tensor(new long[] { 999, 20 }).DetachFromDisposeScope(),
                "encoder_hidden_states" => randn(2, 5, 10, generator: generator).DetachFromDisposeScope(),
                "class_labels" => tensor(new long[] { 2, 0 }).DetachFromDisposeScope(),
                "timestep_cond" => randn(2, 6, generator: generator).DetachFromDisposeScope(),
                "text_embeds" => randn(2, 6, generator: generator).DetachFromDisposeScope(),
                "time_ids" => tensor(new float[] { 64, 64, 0, 0, 64, 64, 32, 48, 8, 0, 64, 64 }, [2, 6]).DetachFromDisposeScope(),
                _ => throw new NotSupportedException($"No tiny input is known for '{name}'."),
            });
    }

    internal ModelInput Input { get; }

    public void Dispose()
    {
        foreach (var (_, tensor) in Input) tensor.Dispose();
    }
}
