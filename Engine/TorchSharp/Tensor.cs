using System.Runtime.CompilerServices;
using Prisma.Engine;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A native tensor: its life, metadata, memory and gradient. Operators are in the files beside this one.</summary>
    public partial class Tensor : IDisposable
    {
        private TensorHandle _handle;

        internal Tensor(nint handle)
        {
            _handle = new TensorHandle(handle);
            DisposeScopeManager.Current?.Add(this);
        }

        // Parameter: takes over the handle, which leaves the other tensor empty.
        private protected Tensor(Tensor taken)
        {
            _handle = taken._handle;
            taken._handle = new TensorHandle(0);
            var scope = taken.OwningScope;
            taken.LeaveScope();
            scope?.Add(this);
        }

        /// <summary>All tensors alive in the process, native handles counted.</summary>
        public static long TotalCount => NativeTorch.prisma_live_tensors();

        public bool IsInvalid => _handle.IsInvalid || _handle.IsClosed;

        public nint Handle => IsInvalid ? throw new ObjectDisposedException(nameof(Tensor)) : _handle.DangerousGetHandle();

        public long Dimensions => Info.Rank;
        public long ndim => Info.Rank;
        public long NumberOfElements => Info.Numel;
        public long ElementSize => Info.ElementSize;
        public ScalarType dtype => (ScalarType)Info.Dtype;
        public Device device => Device.Unpack(Info.Device);
        public DeviceType device_type => (DeviceType)(Info.Device & 0xff);
        public bool is_cuda => device_type == DeviceType.CUDA;
        public bool is_leaf => Info.IsLeaf != 0;

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[Info.Rank];
                fixed (long* p = sizes) Check(NativeTorch.prisma_tensor_shape(AddRef(), p, null), "shape");
                return sizes;
            }
        }

        public bool requires_grad
        {
            get => Info.RequiresGrad != 0;
            set => Check(NativeTorch.prisma_tensor_set_requires_grad(AddRef(), value ? 1 : 0), "requires_grad");
        }

        public Tensor? grad
        {
            get
            {
                Check(NativeTorch.prisma_tensor_grad(AddRef(), out var handle), "grad");
                return handle == 0 ? null : new Tensor(handle);
            }
            set
            {
                Check(NativeTorch.prisma_tensor_set_grad(AddRef(), value?.AddRef() ?? 0), "grad");
                value?.ReleaseRef();
            }
        }

        /// <summary>The bytes of a contiguous CPU tensor, in place.</summary>
        public Span<byte> bytes => Elements<byte>(checked((int)(NumberOfElements * ElementSize)), 0);

        internal DisposeScope? OwningScope { get; set; }

        /// <summary>Raised by every in-place write: two readings that differ show that somebody wrote.</summary>
        internal long Version => Info.Version;

        internal TensorFacts Facts
        {
            get
            {
                var info = Info;
                return new TensorFacts(info.Numel, (ScalarType)info.Dtype, (DeviceType)(info.Device & 0xff), info.IsContiguous != 0, info.RequiresGrad != 0);
            }
        }

        private NativeTensorInfo Info
        {
            get
            {
                Check(NativeTorch.prisma_tensor_info(AddRef(), out var info), "tensor");
                return info;
            }
        }

        public long dim() => Info.Rank;
        public long numel() => Info.Numel;
        public long element_size() => Info.ElementSize;
        public bool is_floating_point() => torch.is_floating_point(dtype);
        public bool is_contiguous() => Info.IsContiguous != 0;
        public bool is_cpu() => device_type == DeviceType.CPU;
        public long[] size() => shape;

        public long size(int dim)
        {
            var sizes = shape;
            var at = dim < 0 ? dim + sizes.Length : dim;
            return at >= 0 && at < sizes.Length
                ? sizes[at]
                : throw new ArgumentOutOfRangeException(nameof(dim), $"Dimension {dim} of a tensor of rank {sizes.Length}.");
        }

        public unsafe long[] stride()
        {
            var strides = new long[Info.Rank];
            fixed (long* p = strides) Check(NativeTorch.prisma_tensor_shape(AddRef(), null, p), "stride");
            return strides;
        }

        public Utils.TensorAccessor<T> data<T>() where T : unmanaged => new(this);

        public Scalar ToScalar() => Scalar.FromNative(Ops.item.CallNumber(this));

        public T item<T>() where T : unmanaged
        {
            if (numel() != 1) throw new ArgumentException($"item() needs one element; this tensor has {numel()}.");
            var wanted = Unsafe.SizeOf<T>();
            if (wanted != ElementSize || is_floating_point() != (typeof(T) == typeof(float) || typeof(T) == typeof(double) || typeof(T) == typeof(Half)))
                throw new ArgumentException($"item<{typeof(T).Name}>() on a tensor of {dtype}.");
            using var here = cpu().DetachFromDisposeScope();
            return here.Elements<T>(1, 0)[0];
        }

        public void backward() => Check(NativeTorch.prisma_backward(AddRef(), 0, 0, 0), "backward");

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            if (inputs is not null) throw new NotSupportedException("backward(inputs:) is not bound; use autograd.grad.");
            var seed = grad_tensors is { Count: > 0 } ? grad_tensors[0] : null;
            Check(NativeTorch.prisma_backward(AddRef(), seed?.AddRef() ?? 0, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0), "backward");
            seed?.ReleaseRef();
        }

        public Tensor requires_grad_(bool requires_grad = true) => with_requires_grad(requires_grad);

        public Tensor with_requires_grad(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>Another handle to the same tensor.</summary>
        public Tensor alias()
        {
            Check(NativeTorch.prisma_tensor_share(AddRef(), out var handle), "alias");
            return new Tensor(handle);
        }

        public Tensor MoveToOuterDisposeScope() => OwningScope is { } scope ? scope.MoveToOuter(this) : this;

        public Tensor DetachFromDisposeScope() => OwningScope is { } scope ? scope.Detach(this) : this;

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            LeaveScope();
            other?.Add(this);
            return this;
        }

        public void Dispose()
        {
            LeaveScope();
            _handle.Dispose();
            GC.SuppressFinalize(this);
        }

        public override string ToString() => IsInvalid ? "[disposed]" : $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";

        internal void LeaveScope() => OwningScope?.Forget(this);

        internal nint AddRef()
        {
            var added = false;
            _handle.DangerousAddRef(ref added);
            return _handle.DangerousGetHandle();
        }

        internal void ReleaseRef() => _handle.DangerousRelease();

        internal Span<T> Elements<T>() where T : unmanaged => Elements<T>(checked((int)NumberOfElements), 0);

        // The memory itself: only for contiguous CPU tensors whose element has the size of T (or for bytes).
        internal unsafe Span<T> Elements<T>(int count, long offset) where T : unmanaged
        {
            if (device_type != DeviceType.CPU) throw new InvalidOperationException("The tensor's memory is not on the CPU: call cpu() first.");
            if (typeof(T) != typeof(byte) && sizeof(T) != ElementSize)
                throw new InvalidOperationException($"Elements of {dtype} are {ElementSize} bytes, {typeof(T).Name} is {sizeof(T)}.");
            if (count == 0) return [];
            return new Span<T>((T*)DataPointer + offset, count);
        }

        internal nint DataPointer
        {
            get
            {
                Check(NativeTorch.prisma_tensor_data(AddRef(), out var data), "data");
                return data;
            }
        }

        // Pairs with the AddRef in the argument: the reference is released whatever the call said.
        private void Check(int status, string doing)
        {
            ReleaseRef();
            NativeTorch.Check(status, doing);
        }
    }
}
