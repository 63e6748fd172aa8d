namespace Prisma.Demo;

/// <summary>What a judge sees in a picture: the number of its answer to every trait.</summary>
/// <param name="Answers">In the order of <see cref="PictureTraits.All"/>.</param>
public sealed record PictureAnswer(IReadOnlyList<int> Answers)
{
    /// <summary>The number of the answer to a trait.</summary>
    public int this[PictureTrait trait] => Answers[(int)trait];
}
