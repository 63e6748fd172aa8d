using TorchSharp;
using static TorchSharp.torch;

namespace Prisma.Engine;

// Gradients of products with feature rows, and the steps along them.
internal static partial class SparseKernels
{
    /// <summary>
    /// What each entry's value feels: gradient of its row (of its feature's group, where gradients are [groups, n, d]) · its feature row: [E].
    /// </summary>
    internal static Tensor Dots(SparseRows codes, Tensor gradients, Tensor matrix, long[]? ends = null)
    {
        long[] groups = ends ?? [matrix.shape[0]];
        CheckGroups(groups, matrix.shape[0]);
        if (gradients.shape[^1] != matrix.shape[1] || gradients.numel() != groups.Length * codes.Rows * matrix.shape[1])
            throw new ArgumentException($"Gradients {gradients} do not fit {groups.Length} x {codes.Rows} rows of width {matrix.shape[1]}.", nameof(gradients));
        if (!IsNative(gradients, matrix)) return SparseComposite.Dots(codes, gradients, matrix, groups);
        using var dense = Dense(gradients);
        using var rows = Dense(matrix);
        var result = empty(codes.Count);
        SparseNative.Check(SparseNative.Dots(
            Address(codes.Starts), Address(codes.Indices), codes.Rows, Address(dense.Value), groups.Length, groups, Address(rows.Value), matrix.shape[1],
            Address(result), Threads(codes.Count * matrix.shape[1])), nameof(Dots));
        Hold(codes.Starts, codes.Indices, dense.Value, rows.Value, result);
        return result;
    }

    /// <summary>
    /// Errors of the predictions bias + codes·matrix of every prefix of the features, with the gradients of
    /// Σ_g factor_g / 2 · Σ_r weight_r · ‖prediction_g,r − target_r‖².
    /// </summary>
    /// <param name="codes">Codes, entries of a row in ascending order.</param>
    /// <param name="matrix">[F, d].</param>
    /// <param name="bias">[d]; null for none.</param>
    /// <param name="target">[n, d].</param>
    /// <param name="rowWeights">[n]; null for ones.</param>
    /// <param name="ends">Where each prefix ends; the last at F.</param>
    /// <param name="factors">One per prefix.</param>
    internal static SparseError Error(SparseRows codes, Tensor matrix, Tensor? bias, Tensor target, Tensor? rowWeights, long[] ends, double[] factors)
    {
        CheckWidth(matrix, bias, nameof(bias));
        CheckGroups(ends, matrix.shape[0]);
        if (factors.Length != ends.Length) throw new ArgumentException($"{factors.Length} factors for {ends.Length} prefixes.", nameof(factors));
        if (target.ndim != 2 || target.shape[0] != codes.Rows || target.shape[1] != matrix.shape[1])
            throw new ArgumentException($"The target {target} does not fit {codes.Rows} rows of width {matrix.shape[1]}.", nameof(target));
        if (rowWeights is not null && (rowWeights.ndim != 1 || rowWeights.shape[0] != codes.Rows))
            throw new ArgumentException($"{codes.Rows} weights of rows are needed, {rowWeights} was given.", nameof(rowWeights));
        if (!IsNative(codes.Values, matrix, bias, target, rowWeights)) return SparseComposite.Error(codes, matrix, bias, target, rowWeights, ends, factors);
        using var goal = Dense(target);
        using var rows = Dense(matrix);
        var squares = new double[ends.Length];
        var gradients = empty(ends.Length, codes.Rows, matrix.shape[1]);
        var values = empty(codes.Count);
        SparseNative.Check(SparseNative.Error(
            Address(codes.Starts), Address(codes.Indices), Address(codes.Values), codes.Rows, Address(rows.Value), matrix.shape[1], AddressOf(bias),
            Address(goal.Value), AddressOf(rowWeights), ends.Length, ends, factors, squares, Address(gradients), Address(values),
            Threads((codes.Count + codes.Rows) * matrix.shape[1])), nameof(Error));
        Hold(codes.Starts, codes.Indices, codes.Values, rows.Value, bias, goal.Value, rowWeights, gradients, values);
        return new SparseError(squares, gradients, values);
    }

    /// <summary>The gradient as a matrix [F, d].</summary>
    internal static Tensor RowsDense(IReadOnlyList<RowPart> parts, long features)
    {
        CheckParts(parts, features, parts[0].Width);
        if (!AreNative(parts)) return SparseComposite.RowsDense(parts, features);
        var result = empty(features, parts[0].Width);
        using var native = new NativeParts(parts);
        SparseNative.Check(SparseNative.Dense(native.Parts, parts.Count, features, parts[0].Width, Address(result), Threads(features * parts[0].Width)), nameof(RowsDense));
        native.Hold();
        return result;
    }

    /// <summary>Σ g² of the gradient, after the projection where a number is given (<see cref="RowRule.Project"/>).</summary>
    internal static double RowsSquares(IReadOnlyList<RowPart> parts, Tensor weights, double? project)
    {
        CheckParts(parts, weights.shape[0], weights.shape[1]);
        using var still = no_grad();
        if (!AreNative(parts) || !IsNative(weights)) return SparseComposite.RowsSquares(parts, weights, project);
        using var native = new NativeParts(parts);
        SparseNative.Check(SparseNative.Squares(
            native.Parts, parts.Count, weights.shape[0], weights.shape[1], Address(weights), project ?? -1, out var sum, Threads(weights.numel())), nameof(RowsSquares));
        native.Hold();
        Hold(weights);
        return sum;
    }

    /// <summary>Moves every row, with or without entries, and its memory: all [F, d], dense, written in place. The sign rule has no mean square.</summary>
    internal static void RowsUpdate(IReadOnlyList<RowPart> parts, Tensor weights, Tensor mean, Tensor? square, RowRule rule)
    {
        CheckParts(parts, weights.shape[0], weights.shape[1]);
        foreach (var tensor in new[] { weights, mean, square ?? mean })
            if (!tensor.is_contiguous() || !tensor.shape.AsSpan().SequenceEqual(weights.shape))
                throw new ArgumentException($"Parameters and their memory must be dense and of one shape; {tensor} is among {weights}.");
        if (square is null && rule.Kind != RowRuleKind.Sign) throw new ArgumentNullException(nameof(square), "Adam needs a mean of squares.");
        using var still = no_grad();
        if (!AreNative(parts) || !IsNative(weights, mean, square))
        {
            SparseComposite.RowsUpdate(parts, weights, mean, square, rule);
            return;
        }
        using var native = new NativeParts(parts);
        var given = new SparseNative.Rule
        {
            Kind = (long)rule.Kind,
            Rate = rule.Rate,
            Beta1 = rule.Beta1,
            Beta2 = rule.Beta2,
            Epsilon = rule.Epsilon,
            Decay = rule.Decay,
            Correction1 = rule.Correction1,
            Correction2 = rule.Correction2,
            Clip = rule.Clip,
            Project = rule.Project ?? -1,
            Unit = rule.Unit ?? -1,
        };
        SparseNative.Check(SparseNative.Update(
            native.Parts, parts.Count, weights.shape[0], weights.shape[1], Address(weights), Address(mean), square is null ? 0 : Address(square), given,
            Threads(weights.numel())), nameof(RowsUpdate));
        native.Hold();
        Hold(weights, mean, square);
    }

    private static bool AreNative(IReadOnlyList<RowPart> parts) =>
        parts.All(part => part.Numbers.All(tensor => IsNative(tensor) && tensor.is_contiguous()));

    private static void CheckGroups(long[] ends, long features)
    {
        if (ends.Length == 0 || ends[^1] != features || ends[0] < 1 || ends.Zip(ends.Skip(1)).Any(pair => pair.First >= pair.Second))
            throw new ArgumentException($"Prefixes end at {string.Join(", ", ends)}: they must rise and end at the number of features, {features}.", nameof(ends));
    }

    private static void CheckParts(IReadOnlyList<RowPart> parts, long features, long width)
    {
        if (parts.Count == 0) throw new ArgumentException("A gradient needs at least one part.", nameof(parts));
        foreach (var part in parts)
        {
            if (part.Width != width) throw new ArgumentException($"A part of width {part.Width} does not fit rows of width {width}.", nameof(parts));
            if ((part.Order is null) != (part.Coefs is null)) throw new ArgumentException("A part has an order and coefficients, or neither.", nameof(parts));
            if (part.Order is { } order && (order.Features != features || order.Order.shape[0] != part.Coefs!.shape[0]))
                throw new ArgumentException($"A part of {order.Features} features and {part.Coefs!.shape[0]} coefficients does not fit {features} features and {order.Order.shape[0]} entries.", nameof(parts));
            if (part.Order is null && (part.Source.ndim != 2 || part.Source.shape[0] != features))
                throw new ArgumentException($"A dense part must have {features} rows; {part.Source} was given.", nameof(parts));
            if (part.Ends is { } ends) CheckGroups(ends, features);
            if (part.Order is not null && part.Source.numel() % (part.Groups * width) != 0)
                throw new ArgumentException($"{part.Source} cannot be cut into {part.Groups} groups.", nameof(parts));
        }
    }

    /// <summary>Parts as the native side reads them; the tensors must live as long.</summary>
    private sealed class NativeParts : IDisposable
    {
        private readonly IReadOnlyList<RowPart> _parts;
        private readonly List<Tensor> _ends = [];

        internal NativeParts(IReadOnlyList<RowPart> parts)
        {
            _parts = parts;
            Parts = [.. parts.Select(Native)];
        }

        internal SparseNative.Part[] Parts { get; }

        internal void Hold()
        {
            foreach (var part in _parts) SparseKernels.Hold(part.Source, part.Coefs, part.Order?.Starts, part.Order?.Order, part.Order?.Rows);
        }

        public void Dispose()
        {
            foreach (var ends in _ends) ends.Dispose();
        }

        private SparseNative.Part Native(RowPart part)
        {
            var native = new SparseNative.Part { Source = Address(part.Source), Groups = part.Groups };
            if (part.Order is not { } order) return native;
            native.Starts = Address(order.Starts);
            native.Order = Address(order.Order);
            native.Rows = Address(order.Rows);
            native.Coefs = Address(part.Coefs!);
            native.Stride = part.Source.numel() / part.Groups;
            if (part.Ends is not { } ends) return native;
            _ends.Add(tensor(ends).DetachFromDisposeScope());
            native.Ends = Address(_ends[^1]);
            return native;
        }
    }
}
