using Prisma.Engine;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[long i1]
        {
            get => select(0, i1);
            set => select(0, i1).copy_(value);
        }

        public Tensor this[long i1, long i2] => this[TensorIndex.Single(i1), TensorIndex.Single(i2)];

        public Tensor index(params TensorIndex[] indices)
        {
            using var scope = NewDisposeScope();
            var (view, tensors) = View(indices);
            return (tensors.Any(tensor => tensor is not null) ? Ops.index_Tensor.Call(view, Arg.Optional(tensors)) : view.alias())
                .MoveToOuterDisposeScope();
        }

        public Tensor index_put_(Tensor value, params TensorIndex[] indices)
        {
            using var scope = NewDisposeScope();
            var (view, tensors) = View(indices);
            if (tensors.Any(tensor => tensor is not null))
                Ops.index_put_.CallInPlace(view, Arg.Optional(tensors), value);
            else
                view.copy_(value);
            return this;
        }

        // Applies everything that is a view (numbers, slices, new axes) and leaves index tensors for one gather, as Python's indexing does.
        private (Tensor View, List<Tensor?> Tensors) View(TensorIndex[] indices)
        {
            var view = alias();
            var tensors = new List<Tensor?>();
            var dim = 0;
            foreach (var index in indices)
            {
                switch (index.kind)
                {
                    case TensorIndex.Kind.Single:
                        view = view.select(dim, index.start!.Value);
                        break;
                    case TensorIndex.Kind.Null or TensorIndex.Kind.None:
                        view = view.unsqueeze(dim++);
                        tensors.Add(null);
                        break;
                    case TensorIndex.Kind.Slice:
                        view = Ops.slice_Tensor.Call(view, (long)dim++, index.start, index.stop, index.step ?? 1);
                        tensors.Add(null);
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        var taken = indices.Count(other => other.kind is TensorIndex.Kind.Single or TensorIndex.Kind.Slice or TensorIndex.Kind.Tensor);
                        for (var skipped = ndim - taken; skipped > 0; skipped--)
                        {
                            tensors.Add(null);
                            dim++;
                        }
                        break;
                    case TensorIndex.Kind.Tensor:
                        tensors.Add(index.tensor);
                        dim++;
                        break;
                    default:
                        throw new NotSupportedException("Indexing by a boolean scalar is not bound.");
                }
            }
            return (view, tensors);
        }
    }

    /// <summary>One index as in Python: a number, a slice, an ellipsis, a new axis or a tensor.</summary>
    public struct TensorIndex
    {
        internal enum Kind
        {
            None,
            Single,
            Null,
            Ellipsis,
            Bool,
            Tensor,
            Slice,
        }

        internal long? start;
        internal long? stop;
        internal long? step;
        internal Kind kind;
        internal Tensor? tensor;

        public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };
        public static TensorIndex None = new() { kind = Kind.None };
        public static TensorIndex Null = new() { kind = Kind.Null };
        public static TensorIndex Colon = Slice();

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { start = start, stop = stop, step = step, kind = Kind.Slice };

        public static TensorIndex Single(long? index) => new() { start = index, kind = Kind.Single };

        public static TensorIndex Tensor(Tensor tensor) => new() { tensor = tensor, kind = Kind.Tensor };

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex(Range range)
        {
            long? start = range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value;
            long? stop = !range.End.IsFromEnd ? range.End.Value : range.End.Value == 0 ? null : -range.End.Value;
            return Slice(start, stop);
        }
    }
}
