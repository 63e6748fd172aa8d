using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// ROAD's imputation (Rong et al. 2022): every missing pixel becomes the weighted mean of its eight neighbours, direct ones 1/6 and diagonal
/// ones 1/12 (at the rim those that exist), all missing pixels at once, and gets a little noise, so that the shape of what is missing tells the
/// model little. A sparse symmetric system, solved by conjugate gradients on the grid.
/// </summary>
public static class NeighbourFill
{
    private const double Noise = 0.01, Tolerance = 1e-3, Rounding = 1e-10;
    private const int CheckedEvery = 8;

    /// <summary>Pictures with their missing pixels made up.</summary>
    /// <param name="picture">[1, C, H, W].</param>
    /// <param name="missing">[n, 1, H, W], 1 where a pixel is missing. Where all are, the picture's mean colour stands in.</param>
    /// <param name="noise">[1, C, H, W] of standard normal values; null: none is added.</param>
    /// <returns>[n, C, H, W]; the caller disposes it.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor Of(Tensor picture, Tensor missing, Tensor? noise = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(missing);
        if (picture.ndim != 4 || missing.ndim != 4 || picture.shape[0] != 1 || missing.shape[1] != 1 || picture.shape[2] != missing.shape[2] || picture.shape[3] != missing.shape[3])
            throw new ShapeException($"Missing pixels are [n, 1, H, W] of one picture [1, C, H, W]; got [{string.Join(", ", missing.shape)}] and [{string.Join(", ", picture.shape)}].");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (height, width) = (picture.shape[2], picture.shape[3]);
        const float Direct = 1 / 6f, Diagonal = 1 / 12f;
        var kernel = tensor([Diagonal, Direct, Diagonal, Direct, 0, Direct, Diagonal, Direct, Diagonal], [1, 1, 3, 3]).to(picture.dtype, picture.device);
        Tensor Around(Tensor values) => nn.functional.conv2d(values.reshape(-1, 1, height, width), kernel, padding: [1, 1]).reshape(values.shape);
        var weight = Around(ones([1, 1, height, width], picture.dtype, picture.device));
        // What the missing pixels miss of being the mean of their neighbours.
        Tensor Apply(Tensor values) => missing * (weight * values - Around(values));
        static Tensor Dot(Tensor a, Tensor b) => (a * b).sum([2L, 3L], keepdim: true);
        var known = missing.neg() + 1;
        var right = missing * Around(known * picture);
        // What rounding leaves is no error: without any known pixel the system would have no solution to move to.
        var enough = Dot(right, right) * (Tolerance * Tolerance) + Dot(picture, picture) * Rounding;
        var found = missing * picture.mean([2L, 3L], keepdim: true);
        var residual = right - Apply(found);
        var (direction, square) = (residual, Dot(residual, residual));
        // As many steps as there are unknowns end it in exact numbers; in practice it takes about the width of the hole.
        for (long step = 1; step <= height * width; step++)
        {
            using var inner = NewDisposeScope();
            var applied = Apply(direction);
            var along = (square / Dot(direction, applied).clamp_min(1e-30)).masked_fill(square.le(enough), 0);
            (found, residual) = (found + along * direction, residual - along * applied);
            var next = Dot(residual, residual);
            (direction, square) = (residual + next / square.clamp_min(1e-30) * direction, next);
            foreach (var kept in new[] { found, residual, direction, square }) kept.MoveToOtherDisposeScope(scope);
            if (step % CheckedEvery == 0 && square.le(enough).all().item<bool>()) break;
        }
        if (noise is not null) found += noise * missing * Noise;
        return (known * picture + found).MoveToOuterDisposeScope();
    }
}
