using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Random inputs for every argument of a tiny model: pictures of 16 pixels, token ids below 40.</summary>
internal sealed class TinyInput : IDisposable
{
    internal TinyInput(HookedModel model)
    {
        using var generator = new Generator(11);
        Input = [];
        foreach (var name in model.InputNames)
            Input.Add(name, name switch
            {
                "pixel_values" => randn(2, 3, 16, 16, generator: generator).DetachFromDisposeScope(),
                "input_ids" => randint(1, 40, [2, 7], generator: generator).DetachFromDisposeScope(),
                "attention_mask" => ones(2, 7, dtype: ScalarType.Int64).DetachFromDisposeScope(),
                _ => throw new NotSupportedException($"No tiny input is known for '{name}'."),
            });
    }

    internal ModelInput Input { get; }

    public void Dispose()
    {
        foreach (var (_, tensor) in Input) tensor.Dispose();
    }
}
