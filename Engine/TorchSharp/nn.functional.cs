using Prisma.Engine;
using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public enum Reduction : long
            {
                None = 0,
                Mean = 1,
                Sum = 2,
            }

            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);

            public static class functional
            {
                public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => Ops.linear.Call(input, weights, bias);

                public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                    Ops.layer_norm.Call(input, normalized_shape, weight, bias, eps);

                public static Tensor group_norm(Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                    Ops.group_norm.Call(input, num_groups, weight, bias, eps);

                public static Tensor gelu(Tensor x) => Ops.gelu.Call(x);

                public static Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false) =>
                    inplace ? throw new NotSupportedException("gelu(inplace) is not bound.") : Ops.gelu.Call(x, approximate.ToString());

                public static Tensor silu(Tensor x, bool inplace = false) =>
                    inplace ? throw new NotSupportedException("silu(inplace) is not bound.") : x.silu();

                public static Tensor relu(Tensor x, bool inplace = false) => inplace ? x.relu_() : x.relu();

                public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

                public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

                public static Tensor normalize(Tensor input, double p = 2.0, long dim = 1L, double eps = 1e-12)
                {
                    using var scope = NewDisposeScope();
                    var norm = Ops.linalg_vector_norm.Call(input, p, new[] { dim }, true).clamp_min(eps);
                    return input.div(norm).MoveToOuterDisposeScope();
                }

                public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100,
                    Reduction reduction = Reduction.Mean, double label_smoothing = 0.0) =>
                    Ops.cross_entropy_loss.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

                public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                    Ops.mse_loss.Call(input, target, (long)reduction);

                public static Tensor one_hot(Tensor x, long num_classes = -1) => Ops.one_hot.Call(x, num_classes);

                public static Tensor conv2d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null,
                    long[]? dilation = null, long groups = 1) =>
                    Ops.conv2d.Call(input, weight, bias, strides ?? [1], padding ?? [0], dilation ?? [1], groups);

                public static Tensor conv3d(Tensor input, Tensor weight, Tensor? bias = null, long[]? strides = null, long[]? padding = null,
                    long[]? dilation = null, long groups = 1) =>
                    Ops.conv3d.Call(input, weight, bias, strides ?? [1], padding ?? [0], dilation ?? [1], groups);

                public static Tensor interpolate(Tensor x, long[]? size = null, double[]? scale_factor = null,
                    InterpolationMode mode = InterpolationMode.Nearest, bool? align_corners = null, bool recompute_scale_factor = false,
                    bool antialias = false)
                {
                    if (size is null || scale_factor is not null || recompute_scale_factor)
                        throw new NotSupportedException("interpolate is bound for a given size only.");
                    var aligned = align_corners ?? false;
                    return (mode, antialias) switch
                    {
                        (InterpolationMode.Nearest, false) => Ops.upsample_nearest2d.Call(x, size, Arg.None, Arg.None),
                        (InterpolationMode.Bilinear, false) => Ops.upsample_bilinear2d.Call(x, size, aligned, Arg.None, Arg.None),
                        (InterpolationMode.Bilinear, true) => Ops._upsample_bilinear2d_aa.Call(x, size, aligned, Arg.None, Arg.None),
                        (InterpolationMode.Bicubic, false) => Ops.upsample_bicubic2d.Call(x, size, aligned, Arg.None, Arg.None),
                        (InterpolationMode.Bicubic, true) => Ops._upsample_bicubic2d_aa.Call(x, size, aligned, Arg.None, Arg.None),
                        (InterpolationMode.Trilinear, false) => Ops.upsample_trilinear3d.Call(x, size, aligned, Arg.None, Arg.None, Arg.None),
                        _ => throw new NotSupportedException($"interpolate({mode}, antialias: {antialias}) is not bound."),
                    };
                }
            }
        }
    }
}

namespace TorchSharp.Modules
{
    public sealed class GELU
    {
        private GELU() { }

        public enum Approximate
        {
            none,
            tanh,
        }
    }

    /// <summary>A tensor that an optimizer trains; it takes over the data's handle, which becomes empty.</summary>
    public class Parameter : torch.Tensor
    {
        public Parameter(torch.Tensor data, bool requires_grad = true) : base(data.with_requires_grad(requires_grad)) { }
    }
}
