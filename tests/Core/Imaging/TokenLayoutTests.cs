using Prisma.Core;

namespace Prisma.Tests;

public sealed class TokenLayoutTests
{
    [Theory]
    [InlineData(TokenOrder.TimeMajor)]
    [InlineData(TokenOrder.SpaceMajor)]
    public void Every_token_has_one_place_and_every_place_one_token(TokenOrder order)
    {
        var layout = new TokenLayout(2, 3, 4, 5, 16, 16, 2, order);
        Assert.Equal(62, layout.Tokens);
        Assert.Null(layout.PlaceOf(1));
        for (var token = layout.Prefix; token < layout.Tokens; token++)
        {
            var place = layout.PlaceOf(token)!.Value;
            Assert.Equal(token, layout.TokenAt(place.Frame, place.Row, place.Column));
        }
    }

    [Fact]
    public void Orders_differ_in_what_follows_the_first_token()
    {
        var time = new TokenLayout(1, 2, 3, 4, 16, 16);
        Assert.Equal((0, 0, 1), time.PlaceOf(2));
        Assert.Equal((1, 0, 0), (time with { Order = TokenOrder.SpaceMajor }).PlaceOf(2));
        Assert.Equal(1 + 12 + 4 + 1, time.TokenAt(1, 1, 1));
        Assert.Equal(1 + (4 + 1) * 2 + 1, (time with { Order = TokenOrder.SpaceMajor }).TokenAt(1, 1, 1));
    }

    [Fact]
    public void Places_outside_the_grid_are_refused()
    {
        var layout = TokenLayout.Picture(1, 2, 3, 8);
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.TokenAt(0, 2, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.TokenAt(0, 0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => layout.PlaceOf(7));
    }
}
