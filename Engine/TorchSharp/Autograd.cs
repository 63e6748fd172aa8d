using Prisma.Engine;

namespace TorchSharp;

/// <summary>Switches the recording of gradients on or off until it is disposed.</summary>
internal sealed class AutoGradMode : IDisposable
{
    private readonly int _before;
    private bool _disposed;

    internal AutoGradMode(bool enabled)
    {
        _before = NativeTorch.prisma_grad_enabled();
        NativeTorch.prisma_set_grad_enabled(enabled ? 1 : 0);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        NativeTorch.prisma_set_grad_enabled(_before);
    }
}

public static partial class torch
{
    public static IDisposable no_grad() => new AutoGradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new AutoGradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new AutoGradMode(mode);

    public static bool is_grad_enabled() => NativeTorch.prisma_grad_enabled() != 0;

    public static class autograd
    {
        /// <summary>Gradients of the outputs with respect to the inputs, one per input; null where unused and allowed to be.</summary>
        public static unsafe IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
            bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            IList<Tensor> seeds = grad_outputs ?? [];
            var results = stackalloc nint[inputs.Count];
            using var pinned = new PinnedTensors(outputs, inputs, seeds);
            fixed (nint* all = pinned.Pointers)
            {
                NativeTorch.Check(
                    NativeTorch.prisma_autograd_grad(all, outputs.Count, all + outputs.Count, inputs.Count, all + outputs.Count + inputs.Count,
                        seeds.Count, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, results),
                    "autograd.grad");
            }
            var gradients = new Tensor[inputs.Count];
            for (var k = 0; k < gradients.Length; k++) gradients[k] = results[k] == 0 ? null! : new Tensor(results[k]);
            return gradients;
        }
    }

    /// <summary>Holds references to several lists of tensors while their pointers are in native hands.</summary>
    private sealed class PinnedTensors : IDisposable
    {
        private readonly List<Tensor> _held = [];

        internal PinnedTensors(params IList<Tensor>[] lists)
        {
            Pointers = new nint[Math.Max(1, lists.Sum(list => list.Count))];
            var next = 0;
            foreach (var tensor in lists.SelectMany(list => list))
            {
                Pointers[next++] = tensor.AddRef();
                _held.Add(tensor);
            }
        }

        internal nint[] Pointers { get; }

        public void Dispose()
        {
            foreach (var tensor in _held) tensor.ReleaseRef();
        }
    }
}
